import { useState, type FormEvent } from 'react';
import { api, Problem, type Session } from '../api';
import { useSpeech } from '../words';

export function SignIn({ onSignedIn }: { onSignedIn: (session: Session) => void }) {
  const { words } = useSpeech();
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<string | null>(null);

  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    setBusy(true);
    setRefusal(null);
    try {
      onSignedIn(await api.signIn(String(form.get('email')), String(form.get('password'))));
    } catch (problem) {
      setRefusal(problem instanceof Problem ? problem.code : 'unknown');
      setBusy(false);
    }
  };

  return (
    <main className="sign-in">
      <form onSubmit={(event) => void submit(event)} aria-labelledby="sign-in-title">
        <h1 id="sign-in-title">{words.signInTitle}</h1>
        {refusal !== null && (
          <p className="refusal" role="alert">
            {words.problems[refusal] ?? words.problemOther}
          </p>
        )}
        <label>
          {words.email}
          <input name="email" type="email" autoComplete="username" required autoFocus />
        </label>
        <label>
          {words.password}
          <input name="password" type="password" autoComplete="current-password" required />
        </label>
        <button type="submit" className="primary" disabled={busy}>
          {busy ? words.signingIn : words.signIn}
        </button>
      </form>
    </main>
  );
}
