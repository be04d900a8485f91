import { useEffect, useState } from 'react';
import type { Incident } from '../api';
import { duration } from '../format';
import { useSpeech } from '../words';
import type { Words } from '../words/en';

/** A single host is shown without its prefix length. */
export const hostOf = (target: string): string => target.replace(/^(.*\.)(\d+)\/32$/, '$1$2').replace(/^(.*:.*)\/128$/, '$1');

/** Names of the attack's vectors. That the total is high as well says nothing new beside a vector. */
export function vectorNames(vectors: string[], words: Words): string {
  const telling = vectors.filter((vector) => vector !== 'total');
  return (telling.length > 0 ? telling : vectors).map((vector) => words.vectorNames[vector] ?? vector).join(' · ');
}

/** In one word, what a customer wants to know first. */
export function Status({ incident }: { incident: Incident }) {
  const { words } = useSpeech();
  const { status, endedAt, mitigationResult: result } = incident;
  const isOpen = status === 'open';
  const isDefended = result !== 'not-defended' && result !== 'not-helped';
  const tone = isOpen && result === 'active' ? 'defending' : (isOpen ? endedAt !== null : isDefended) ? 'over' : 'attack';
  const text =
    isOpen && result !== 'active' ? words.statuses[endedAt === null ? 'open' : 'closed']
      : result === 'none' ? words.statuses['closed']
        : (words.results[result] ?? result);
  return (
    <span className="status" data-tone={tone}>
      {text}
    </span>
  );
}

/** An operator said that it was no attack. */
export function MarkedFalse({ incident }: { incident: Incident }) {
  const { words } = useSpeech();
  return incident.markedFalseAt ? <span className="status" data-tone="over">{words.markedFalse}</span> : null;
}

/** How long it lasted, or has lasted until this second. */
export function Elapsed({ incident }: { incident: Incident }) {
  const { language, words } = useSpeech();
  const [now, setNow] = useState(() => Date.now());
  const ended = incident.endedAt ? Date.parse(incident.endedAt) : null;
  useEffect(() => {
    if (ended !== null) {
      return undefined;
    }

    const tick = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(tick);
  }, [ended]);

  const length = duration((ended ?? now) - Date.parse(incident.detectedAt), language);
  return <span className="elapsed">{ended === null ? `${length} · ${words.ongoing}` : length}</span>;
}
