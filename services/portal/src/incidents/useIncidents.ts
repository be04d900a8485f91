import { useCallback, useEffect, useReducer, useState } from 'react';
import { api, Problem, type Incident, type IncidentWithTimeline } from '../api';

interface Known {
  incidents: Map<string, Incident>;
  /** Timelines of incidents that were opened. */
  timelines: Map<string, IncidentWithTimeline>;
  nextCursor: string | null;
  loaded: boolean;
}

type Learned =
  | { what: 'page'; items: Incident[]; nextCursor: string | null; newest: boolean }
  | { what: 'incident'; content: IncidentWithTimeline };

function learn(known: Known, learned: Learned): Known {
  const incidents = new Map(known.incidents);
  if (learned.what === 'incident') {
    incidents.set(learned.content.incident.incidentId, learned.content.incident);
    const timelines = new Map(known.timelines).set(learned.content.incident.incidentId, learned.content);
    return { ...known, incidents, timelines };
  }

  for (const incident of learned.items) {
    incidents.set(incident.incidentId, incident);
  }

  // A refresh of the newest page must not forget how far back the reader already went.
  const nextCursor = learned.newest && known.loaded ? known.nextCursor : learned.nextCursor;
  return { ...known, incidents, nextCursor, loaded: true };
}

/** What changed, for people who do not see the page change. */
export interface Change {
  incidentId: string;
  step: string;
}

/** The caller's incidents, newest first, kept up to date by server-sent events. */
export function useIncidents(selected: string | null, onSignedOut: () => void) {
  const [known, tell] = useReducer(learn, { incidents: new Map(), timelines: new Map(), nextCursor: null, loaded: false });
  const [connected, setConnected] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const [change, setChange] = useState<Change | null>(null);
  const [gone, setGone] = useState<string | null>(null);
  const [attempt, setAttempt] = useState(0);

  const guard = useCallback(
    async (work: () => Promise<void>) => {
      try {
        await work();
        setProblem(null);
      } catch (failure) {
        const known = failure instanceof Problem ? failure : new Problem(0, 'unknown');
        if (known.status === 401) {
          onSignedOut();
        } else {
          setProblem(known.code);
        }
      }
    },
    [onSignedOut],
  );

  const loadNewest = useCallback(
    () => guard(async () => tell({ what: 'page', newest: true, ...(await api.incidents()) })),
    [guard],
  );

  const loadOne = useCallback(
    (id: string) =>
      guard(async () => {
        try {
          tell({ what: 'incident', content: await api.incident(id) });
        } catch (failure) {
          if (!(failure instanceof Problem && failure.status === 404)) {
            throw failure;
          }

          setGone(id);
        }
      }),
    [guard],
  );

  const loadEarlier = () =>
    guard(async () => tell({ what: 'page', newest: false, ...(await api.incidents(known.nextCursor ?? undefined)) }));

  useEffect(() => {
    const events = api.incidentEvents();
    let again: ReturnType<typeof setTimeout> | undefined;
    events.onopen = () => {
      setConnected(true);
      void loadNewest(); // what happened while nobody listened
    };
    events.onerror = () => {
      setConnected(false);
      // The browser reconnects by itself unless it was refused; then the list says why (signed out, or a service that is down).
      if (events.readyState === EventSource.CLOSED) {
        void loadNewest();
        again = setTimeout(() => setAttempt((count) => count + 1), 5000);
      }
    };
    events.addEventListener('incident', (event) => {
      const happened = JSON.parse(event.data as string) as Change;
      setChange(happened);
      void loadOne(happened.incidentId);
    });
    return () => {
      clearTimeout(again);
      events.close();
    };
  }, [attempt, loadNewest, loadOne]);

  useEffect(() => {
    if (selected) {
      void loadOne(selected);
    }
  }, [selected, loadOne]);

  return { known, connected, problem, change, gone, loadNewest, loadEarlier };
}
