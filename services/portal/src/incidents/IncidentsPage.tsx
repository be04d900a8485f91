import { useEffect, useState } from 'react';
import { api, type Incident, type Session } from '../api';
import { useSpeech } from '../words';
import { IncidentDetail } from './IncidentDetail';
import { IncidentList } from './IncidentList';
import { useIncidents } from './useIncidents';

const incidentOfHash = () => /^#\/incidents\/([0-9a-f-]{36})$/.exec(location.hash)?.[1] ?? null;

/** What contracts and customers are called, by service code and tenant id; missing names are no reason to show nothing. */
export interface Names {
  label: (serviceCode: string) => string | null;
  tenant: (tenantId: string) => string | null;
}

export function IncidentsPage({ session, onSignedOut }: { session: Session; onSignedOut: () => void }) {
  const { words } = useSpeech();
  const [selected, setSelected] = useState(incidentOfHash);
  const [signedOut] = useState(() => onSignedOut);
  const { known, connected, problem, change, gone, loadNewest, loadEarlier } = useIncidents(selected, signedOut);
  const names = useNames(session);

  useEffect(() => {
    const follow = () => setSelected(incidentOfHash());
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  }, []);

  const incidents = [...known.incidents.values()].sort(newestFirst);
  const open = incidents.filter((incident) => incident.status === 'open' && incident.endedAt === null && !incident.markedFalseAt).length;
  useEffect(() => {
    document.title = `${open > 0 ? `(${open}) ` : ''}${words.incidents} – ${words.product}`;
  }, [open, words]);

  const shown = selected ? known.timelines.get(selected) : undefined;
  const changed = change && known.incidents.get(change.incidentId);

  return (
    <main className="page" data-selected={selected ? true : undefined}>
      <div className="page-head">
        <div>
          <h1>{words.incidents}</h1>
          <p className="note">{words.incidentsNote}</p>
        </div>
        <p className={open > 0 ? 'summary alarm' : 'summary calm'}>
          <strong>{known.loaded ? (open > 0 ? words.openNow(open) : words.noneOpen) : words.loading}</strong>
          <span className="live" data-connected={connected}>
            {connected ? words.live : words.reconnecting}
          </span>
        </p>
      </div>
      <p className="for-listeners" role="status">
        {changed ? words.newStep(changed.target, words.steps[change.step] ?? change.step) : ''}
      </p>
      {problem !== null && (
        <p className="refusal" role="alert">
          {words.problems[problem] ?? words.problemOther}{' '}
          <button type="button" className="quiet" onClick={() => void loadNewest()}>
            {words.retry}
          </button>
        </p>
      )}
      {known.loaded && incidents.length === 0 ? (
        <section className="empty">
          <img src="/shield.svg" alt="" width="56" height="56" />
          <h2>{words.emptyTitle}</h2>
          <p>{words.emptyText}</p>
        </section>
      ) : (
        <div className="split">
          <section aria-label={words.incidents} className="list">
            <IncidentList incidents={incidents} selected={selected} names={names} />
            {known.nextCursor !== null && (
              <button type="button" className="quiet more" onClick={() => void loadEarlier()}>
                {words.more}
              </button>
            )}
          </section>
          <section aria-label={words.timeline} className="detail">
            {shown ? (
              <IncidentDetail key={shown.incident.incidentId} content={shown} names={names} />
            ) : (
              <p className="hint">{selected === null ? words.choose : gone === selected ? words.incidentGone : words.loading}</p>
            )}
          </section>
        </div>
      )}
    </main>
  );
}

/** Attacks in progress stand first, then by time. */
function newestFirst(one: Incident, other: Incident): number {
  if (one.status !== other.status) {
    return one.status === 'open' ? -1 : 1;
  }

  return other.detectedAt.localeCompare(one.detectedAt);
}

function useNames(session: Session): Names {
  const [labels, setLabels] = useState<Map<string, string>>(new Map());
  const [tenants, setTenants] = useState<Map<string, string>>(new Map());
  useEffect(() => {
    // Labels and names are an addition: without them the codes are shown.
    api.contracts().then(
      ({ items }) => setLabels(new Map(items.flatMap((contract) => (contract.label ? [[contract.serviceCode, contract.label]] : [])))),
      () => undefined,
    );
    if (session.tenantId === null) {
      api.tenants().then(({ items }) => setTenants(new Map(items.map((tenant) => [tenant.tenantId, tenant.name]))), () => undefined);
    }
  }, [session]);

  return { label: (code) => labels.get(code) ?? null, tenant: (id) => tenants.get(id) ?? null };
}
