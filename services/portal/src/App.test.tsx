import { act, cleanup, fireEvent, render, screen } from '@testing-library/react';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { App } from './App';
import type { AttackedPrefix, Incident, Session } from './api';
import { SpeechProvider } from './words';

const session: Session = { operatorId: 'o1', tenantId: 't1', email: 'aoi@example.com', displayName: 'Aoi', role: 'viewer' };

const attack = (changes: Partial<Incident> = {}): Incident => ({
  incidentId: '0190aaaa-0000-7000-8000-000000000001',
  tenantId: 't1',
  serviceCode: 'DP00000001',
  target: '203.0.113.10/32',
  status: 'open',
  vectors: ['udp'],
  peakBitsPerSecond: 2_100_000_000,
  peakPacketsPerSecond: 260_000,
  detectedAt: '2026-11-20T15:00:01Z',
  endedAt: null,
  mitigationResult: 'active',
  markedFalseAt: null,
  ...changes,
});

/** What stands outside of the portal: the gateway, as its answers. */
class Gateway {
  session: Session | null = session;
  incidents: Incident[] = [];
  details: Record<string, string> = { bits_per_second: '2100000000' };
  prefixes: AttackedPrefix[] | undefined = [];
  password = 'correct horse';

  answer(method: string, path: string, body: string | undefined): Response {
    if (method === 'POST' && path === '/api/v1/session') {
      if (JSON.parse(body ?? '{}').password !== this.password) {
        return problem(401, 'sign-in-refused');
      }

      this.session = session;
    }

    if (!this.session) {
      return problem(401, 'not-signed-in');
    }

    switch (path) {
      case '/api/v1/session':
        return Response.json(this.session);
      case '/api/v1/incidents':
        return Response.json({ items: this.incidents, nextCursor: null });
      case '/api/v1/contracts':
        return Response.json({ items: [{ serviceCode: 'DP00000001', tenantId: 't1', label: 'Tokyo' }] });
      default: {
        const incident = this.incidents.find(({ incidentId }) => path === `/api/v1/incidents/${incidentId}`);
        const step = { at: '2026-11-20T15:00:01.250Z', step: 'anomaly-detected', actor: 'detection', details: this.details };
        return incident ? Response.json({ incident, timeline: [step], prefixes: this.prefixes }) : problem(404, 'incident-not-found');
      }
    }
  }
}

const problem = (status: number, code: string) => Response.json({ type: `urn:platform:problem:${code}`, status }, { status });

/** The browser's event source, driven by the test. */
class Events extends EventTarget {
  static open: Events[] = [];
  static readonly CLOSED = 2;
  readyState = 1;
  onopen: (() => void) | null = null;
  onerror: (() => void) | null = null;

  constructor() {
    super();
    Events.open.push(this);
    setTimeout(() => this.onopen?.(), 0);
  }

  close() {
    Events.open = Events.open.filter((other) => other !== this);
  }
}

let gateway: Gateway;

beforeEach(() => {
  gateway = new Gateway();
  localStorage.setItem('platform.language', 'en');
  location.hash = '';
  vi.stubGlobal('EventSource', Events);
  vi.stubGlobal('fetch', async (path: string, init?: RequestInit) => gateway.answer(init?.method ?? 'GET', path, init?.body as string));
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

const open = () => render(<SpeechProvider><App /></SpeechProvider>);

it('asks for a login, says what was refused, and goes on after the right one', async () => {
  gateway.session = null;
  open();
  fireEvent.change(await screen.findByLabelText('Mail address'), { target: { value: 'aoi@example.com' } });
  fireEvent.change(screen.getByLabelText('Password'), { target: { value: 'wrong' } });
  fireEvent.click(screen.getByRole('button', { name: 'Sign in' }));
  expect((await screen.findByRole('alert')).textContent).toContain('not right');

  fireEvent.change(screen.getByLabelText('Password'), { target: { value: 'correct horse' } });
  fireEvent.click(screen.getByRole('button', { name: 'Sign in' }));
  expect(await screen.findByText('No incidents')).toBeTruthy();
});

it('shows an attack that begins while the page is open, without a reload', async () => {
  open();
  expect(await screen.findByText('No incidents')).toBeTruthy();

  gateway.incidents = [attack()];
  const event = new MessageEvent('incident', { data: JSON.stringify({ incidentId: attack().incidentId, step: 'anomaly-detected' }) });
  act(() => Events.open.forEach((source) => source.dispatchEvent(event)));

  expect(await screen.findByText('1 attack in progress')).toBeTruthy();
  const row = screen.getByRole('link', { name: /203\.0\.113\.10/ });
  expect(row.textContent).toContain('2.10 Gbit/s');
  expect(row.textContent).toContain('260k packets/s');
  expect(row.textContent).toContain('21 Nov 2026, 00:00:01');
  expect(row.textContent).toContain('Tokyo');
});

it.each([
  [{ mitigationResult: 'active' }, 'Defending', '防御中', '1 attack in progress'],
  [{ mitigationResult: 'none' }, 'In progress', '継続中', '1 attack in progress'], // decided, perhaps, and nothing in the network
  [{ mitigationResult: 'not-defended' }, 'In progress', '継続中', '1 attack in progress'],
  [{ mitigationResult: 'active', endedAt: '2026-11-20T15:09:01Z' }, 'Defending', '防御中', 'No attack in progress'],
  [{ mitigationResult: 'none', endedAt: '2026-11-20T15:09:01Z' }, 'Ended', '終了', 'No attack in progress'],
  [{ status: 'closed', mitigationResult: 'not-helped', endedAt: '2026-11-20T15:09:01Z' }, 'Defence without effect', '防御の効果なし', 'No attack in progress'],
  [{ status: 'closed', mitigationResult: 'defended', endedAt: '2026-11-20T15:09:01Z' }, 'Defended', '防御済み', 'No attack in progress'],
])('says of %j what is true: %s', async (changes, english, japanese, summary) => {
  gateway.incidents = [attack(changes as Partial<Incident>)];
  open();
  const row = await screen.findByRole('link', { name: /203\.0\.113\.10/ });
  expect(row.querySelector('.status')?.textContent).toBe(english);
  expect(screen.getByText(summary)).toBeTruthy();
  fireEvent.click(screen.getByRole('button', { name: '日本語' }));
  expect(row.querySelector('.status')?.textContent).toBe(japanese);
});

it('labels what an operator called no attack, in both languages, and does not count it', async () => {
  gateway.incidents = [attack({ markedFalseAt: '2026-11-20T16:00:00Z' })];
  open();
  const row = await screen.findByRole('link', { name: /203\.0\.113\.10/ });
  expect(row.textContent).toContain('Marked as false');
  expect(screen.getByText('No attack in progress')).toBeTruthy();
  fireEvent.click(screen.getByRole('button', { name: '日本語' }));
  expect(row.textContent).toContain('誤検知とマーク済み');
});

it('shows the timeline of the chosen incident in times of Japan', async () => {
  gateway.incidents = [attack()];
  location.hash = `#/incidents/${attack().incidentId}`;
  open();
  expect(await screen.findByText('Attack detected')).toBeTruthy();
  expect(screen.getByText('00:00:01.250')).toBeTruthy();
});

it('says why an attack was recognised in the language of the reader, with units', async () => {
  gateway.incidents = [attack()];
  gateway.details = {
    explanation: 'ntp reached 90,000 packets/s', explanation_ja: 'ntpが90,000 packets/sに達し', rule: 'learned', severity: 'high',
    classification: 'ntp-amplification', confidence_percent: '92', threshold_packets_per_second: '4000', measured_flows_per_second: '12000',
  };
  location.hash = `#/incidents/${attack().incidentId}`;
  open();
  expect(await screen.findByText('ntp reached 90,000 packets/s')).toBeTruthy();
  ['learned from its own past', 'high', 'NTP amplification', '92 %', '4.00k packets/s', '12.0k flows/s'].forEach((text) => screen.getByText(text));
  expect(screen.queryByText('ntpが90,000 packets/sに達し')).toBeNull();

  fireEvent.click(screen.getByRole('button', { name: '日本語' }));
  expect(await screen.findByText('ntpが90,000 packets/sに達し')).toBeTruthy();
  ['過去の通信から学習したしきい値', '高', 'NTPアンプ攻撃', '検知理由'].forEach((text) => screen.getByText(text));
  expect(screen.queryByText('ntp reached 90,000 packets/s')).toBeNull();
});

it('says of what a profile guessed that nobody set it, in the language of the reader', async () => {
  gateway.incidents = [attack()];
  gateway.details = { rule: 'profile' };
  location.hash = `#/incidents/${attack().incidentId}`;
  open();
  expect(await screen.findByText('the threshold of the profile')).toBeTruthy();
  fireEvent.click(screen.getByRole('button', { name: '日本語' }));
  expect(await screen.findByText('プロファイルのしきい値')).toBeTruthy();
});

it('says that an anomaly ended with its protected object, in the language of the reader', async () => {
  gateway.incidents = [attack()];
  gateway.details = { reason: 'object-removed' };
  location.hash = `#/incidents/${attack().incidentId}`;
  open();
  expect(await screen.findByText('the protected object was removed')).toBeTruthy();
  fireEvent.click(screen.getByRole('button', { name: '日本語' }));
  expect(await screen.findByText('保護対象の削除')).toBeTruthy();
});

const part = (prefix: string, share: number, peakShare = share, since = attack().detectedAt): AttackedPrefix => ({ prefix, share, peakShare, since });

it('shows what an attack is spread over, each with its share, and what joined later, in both languages', async () => {
  gateway.incidents = [attack({ prefixCount: 3 })];
  gateway.prefixes = [
    part('203.0.113.0/24', 0.6), part('198.51.100.7/32', 0.36, 0.48, '2026-11-20T15:02:06Z'), part('192.0.2.0/24', 0, 0.3),
  ];
  location.hash = `#/incidents/${attack().incidentId}`;
  open();
  const list = (await screen.findByRole('region', { name: 'Attacked prefixes' })).querySelector('ol')!;
  const rows = () => [...list.querySelectorAll('li')].map((row) => [...row.querySelectorAll('.address, small, .share')].map((text) => text.textContent));
  expect(rows()).toEqual([
    ['203.0.113.0/24', '60 %'],
    ['198.51.100.7', 'joined after 2 min 5 s', '36 %peak 48 %', 'peak 48 %'],
    ['192.0.2.0/24', 'no longerpeak 30 %', 'peak 30 %'],
  ]);
  // The longest bar is the greatest share; the others are in proportion, what they had behind what they have.
  expect([...list.querySelectorAll('rect:not(.track)')].map((bar) => bar.getAttribute('width'))).toEqual(['100%', '100%', '80%', '60%', '50%', '0%']);
  expect(screen.getByText('The attack is spread over 3 prefixes, which have 96 % of its packets. 1 of them joined later.')).toBeTruthy();
  expect(screen.getByRole('link', { name: /203\.0\.113\.10/ }).textContent).toContain('3 prefixes');

  fireEvent.click(screen.getByRole('button', { name: '日本語' }));
  expect(rows()[1]).toEqual(['198.51.100.7', '検知の2分5秒後に追加', '36 %最大 48 %', '最大 48 %']);
  expect(screen.getByText('攻撃は3個のプレフィックスに分散しています。合計で攻撃パケットの96 %を占めます。うち1件は検知後に加わりました。')).toBeTruthy();
});

it('shows the largest of many prefixes, and all of them when asked', async () => {
  gateway.incidents = [attack()];
  gateway.prefixes = Array.from({ length: 32 }, (_, index) => part(`203.0.${index}.0/24`, 1 / 32));
  location.hash = `#/incidents/${attack().incidentId}`;
  open();
  const region = await screen.findByRole('region', { name: 'Attacked prefixes' });
  expect(region.querySelectorAll('li').length).toBe(8);
  fireEvent.click(screen.getByRole('button', { name: 'Show all 32 prefixes' }));
  expect(region.querySelectorAll('li').length).toBe(32);
});

it.each([[[]], [undefined]])('shows no prefixes of an attack on its target alone: %j', async (prefixes) => {
  gateway.incidents = [attack()];
  gateway.prefixes = prefixes;
  location.hash = `#/incidents/${attack().incidentId}`;
  open();
  expect(await screen.findByText('Attack detected')).toBeTruthy();
  expect(screen.queryByRole('region', { name: 'Attacked prefixes' })).toBeNull();
});

it('returns to the login when the session has ended', async () => {
  open();
  expect(await screen.findByText('No incidents')).toBeTruthy();
  gateway.session = null;
  act(() => Events.open.forEach((source) => { source.readyState = 2; source.onerror?.(); }));
  expect(await screen.findByRole('button', { name: 'Sign in' })).toBeTruthy();
});

it('speaks Japanese at a click', async () => {
  open();
  fireEvent.click(await screen.findByRole('button', { name: '日本語' }));
  expect(await screen.findByText('インシデントはありません')).toBeTruthy();
  expect(document.documentElement.lang).toBe('ja');
});
