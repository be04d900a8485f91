/** The gateway's answers, as contracts/openapi/gateway.v1.json describes them, and the calls that fetch them. */

export interface Session {
  operatorId: string;
  /** Null for the provider's staff, who see all tenants. */
  tenantId: string | null;
  email: string;
  displayName: string;
  role: string;
}

export interface Incident {
  incidentId: string;
  tenantId: string;
  serviceCode: string;
  /** Attacked prefix, CIDR notation. */
  target: string;
  status: 'open' | 'closed';
  vectors: string[];
  peakBitsPerSecond: number;
  peakPacketsPerSecond: number;
  /** ISO 8601, UTC. */
  detectedAt: string;
  endedAt: string | null;
  mitigationResult: string;
  /** When an operator said that it was no attack. */
  markedFalseAt: string | null;
  /** How many prefixes it was spread over; 0: its target alone. A gateway of the release before does not say. */
  prefixCount?: number;
}

export interface IncidentStep {
  at: string;
  step: string;
  actor: string;
  details: Record<string, string>;
}

/** One of the prefixes that an attack is spread over. */
export interface AttackedPrefix {
  /** CIDR notation. */
  prefix: string;
  /** Its part of the attack's packets, 0 to 1, as it was told last; 0: not any more. */
  share: number;
  /** The greatest part that was told of it. */
  peakShare: number;
  since: string;
}

export interface IncidentWithTimeline {
  incident: Incident;
  timeline: IncidentStep[];
  /** Greatest share first; empty: the target alone. A gateway of the release before does not say. */
  prefixes?: AttackedPrefix[];
}

export interface IncidentPage {
  items: Incident[];
  nextCursor: string | null;
}

export interface Contract {
  serviceCode: string;
  tenantId: string;
  label: string | null;
}

export interface Tenant {
  tenantId: string;
  name: string;
}

/** The body of every refusal (RFC 9457). `type` ends with the public code. */
export class Problem extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string) {
    super(code);
    this.status = status;
    this.code = code;
  }
}

const base = '/api/v1';

async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  let response: Response;
  try {
    response = await fetch(base + path, {
      method,
      // A foreign page cannot set this header without asking first, so the gateway takes it as "from the portal".
      headers: { 'X-Platform-Request': 'portal', ...(body === undefined ? {} : { 'Content-Type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch {
    throw new Problem(0, 'unreachable');
  }

  if (!response.ok) {
    const problem = (await response.json().catch(() => ({}))) as { type?: string };
    throw new Problem(response.status, problem.type?.split(':').at(-1) ?? 'unknown');
  }

  return (response.status === 204 ? undefined : await response.json()) as T;
}

export const api = {
  session: () => call<Session>('GET', '/session'),
  signIn: (email: string, password: string) => call<Session>('POST', '/session', { email, password }),
  signOut: () => call<void>('DELETE', '/session'),
  incidents: (cursor?: string) => call<IncidentPage>('GET', `/incidents${cursor ? `?cursor=${encodeURIComponent(cursor)}` : ''}`),
  incident: (id: string) => call<IncidentWithTimeline>('GET', `/incidents/${id}`),
  contracts: () => call<{ items: Contract[] }>('GET', '/contracts'),
  tenants: () => call<{ items: Tenant[] }>('GET', '/tenants'),
  /** Server-sent events: `incident` says that an incident has a new step. Reconnects by itself. */
  incidentEvents: () => new EventSource(`${base}/incidents/events`),
};
