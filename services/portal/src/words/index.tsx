import { createContext, useContext, useEffect, useState, type ReactNode } from 'react';
import { en, type Words } from './en';
import { ja } from './ja';

export type Language = 'en' | 'ja';

const dictionaries: Record<Language, Words> = { en, ja };
const storageKey = 'platform.language';

/** What the person chose before, else what the browser asks for. */
export function preferredLanguage(stored: string | null, browser: readonly string[]): Language {
  if (stored === 'en' || stored === 'ja') {
    return stored;
  }

  return browser.find((tag) => /^(ja|en)\b/.test(tag))?.startsWith('ja') ? 'ja' : 'en';
}

interface Speech {
  language: Language;
  words: Words;
  speak: (language: Language) => void;
}

const SpeechContext = createContext<Speech | null>(null);

export function SpeechProvider({ children }: { children: ReactNode }) {
  const [language, setLanguage] = useState(() => preferredLanguage(localStorage.getItem(storageKey), navigator.languages));
  useEffect(() => {
    document.documentElement.lang = language;
  }, [language]);

  const speak = (chosen: Language) => {
    localStorage.setItem(storageKey, chosen);
    setLanguage(chosen);
  };
  return <SpeechContext value={{ language, words: dictionaries[language], speak }}>{children}</SpeechContext>;
}

export function useSpeech(): Speech {
  const speech = useContext(SpeechContext);
  if (!speech) {
    throw new Error('useSpeech outside of SpeechProvider');
  }

  return speech;
}

export function LanguageSwitch() {
  const { language, words, speak } = useSpeech();
  return (
    <div className="language" role="group" aria-label={words.language}>
      {(['ja', 'en'] as const).map((choice) => (
        <button key={choice} type="button" lang={choice} aria-pressed={choice === language} onClick={() => speak(choice)}>
          {choice === 'ja' ? '日本語' : 'English'}
        </button>
      ))}
    </div>
  );
}
