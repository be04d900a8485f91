import { useCallback, useEffect, useState } from 'react';
import { api, Problem, type Session } from './api';
import { IncidentsPage } from './incidents/IncidentsPage';
import { SignIn } from './session/SignIn';
import { LanguageSwitch, useSpeech } from './words';

type State = { is: 'asking' } | { is: 'signed-out' } | { is: 'failed'; code: string } | { is: 'signed-in'; session: Session };

export function App() {
  const { words } = useSpeech();
  const [state, setState] = useState<State>({ is: 'asking' });

  const ask = useCallback(async () => {
    try {
      setState({ is: 'signed-in', session: await api.session() });
    } catch (problem) {
      const known = problem instanceof Problem ? problem : new Problem(0, 'unknown');
      setState(known.status === 401 ? { is: 'signed-out' } : { is: 'failed', code: known.code });
    }
  }, []);

  useEffect(() => void ask(), [ask]);

  const signOut = async () => {
    await api.signOut().catch(() => undefined); // the page forgets either way
    setState({ is: 'signed-out' });
  };

  return (
    <>
      <header className="top">
        <a className="brand" href="#/">
          <img src="/shield.svg" alt="" width="28" height="28" />
          <strong>{words.product}</strong>
          <span>{words.service}</span>
        </a>
        <div className="top-end">
          {state.is === 'signed-in' && (
            <>
              <span className="who">
                {state.session.displayName}
                <small>{words.roles[state.session.role] ?? state.session.role}</small>
              </span>
              <button type="button" className="quiet" onClick={() => void signOut()}>
                {words.signOut}
              </button>
            </>
          )}
          <LanguageSwitch />
        </div>
      </header>
      {state.is === 'asking' && <p className="middle">{words.loading}</p>}
      {state.is === 'failed' && (
        <main className="middle" role="alert">
          <p>{words.problems[state.code] ?? words.problemOther}</p>
          <button type="button" onClick={() => void ask()}>
            {words.retry}
          </button>
        </main>
      )}
      {state.is === 'signed-out' && <SignIn onSignedIn={(session) => setState({ is: 'signed-in', session })} />}
      {state.is === 'signed-in' && (
        <IncidentsPage key={state.session.operatorId} session={state.session} onSignedOut={() => setState({ is: 'signed-out' })} />
      )}
    </>
  );
}
