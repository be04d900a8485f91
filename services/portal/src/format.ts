import type { Language } from './words';

const prefixes = ['', 'k', 'M', 'G', 'T', 'P'];

/** Three significant digits with a decimal prefix: "1.23 Mbit/s", "350k packets/s". */
export function rate(amount: number, unit: 'bit/s' | 'packets/s' | 'flows/s'): string {
  let scaled = amount;
  let step = 0;
  // 999.5 would round to "1000": the next prefix is nearer.
  while (scaled >= 999.5 && step < prefixes.length - 1) {
    scaled /= 1000;
    step++;
  }

  const digits = step === 0 || scaled >= 99.95 ? 0 : scaled >= 9.995 ? 1 : 2;
  const prefix = prefixes[step] ?? '';
  return unit === 'bit/s' ? `${scaled.toFixed(digits)} ${prefix}${unit}` : `${scaled.toFixed(digits)}${prefix} ${unit}`;
}

/** A part of the whole: "42 %", "3.4 %", and what is there but small is not nothing: "<0.1 %". */
export function percent(part: number): string {
  const of100 = part * 100;
  return of100 > 0 && of100 < 0.05 ? '<0.1 %' : `${of100.toFixed(of100 === 0 || of100 >= 9.95 ? 0 : 1)} %`;
}

const clocks: Record<Language, Intl.DateTimeFormat> = {
  ja: new Intl.DateTimeFormat('ja-JP', {
    timeZone: 'Asia/Tokyo', year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false,
  }),
  en: new Intl.DateTimeFormat('en-GB', {
    timeZone: 'Asia/Tokyo', year: 'numeric', month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false,
  }),
};

/** Date and time in Japan, whatever the reader's own zone. */
export const japanTime = (instant: string, language: Language): string => clocks[language].format(new Date(instant));

const secondsOfDay = new Intl.DateTimeFormat('en-GB', {
  timeZone: 'Asia/Tokyo', hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3, hour12: false,
});

/** Time of day in Japan to the millisecond: the order of a timeline is often a matter of milliseconds. */
export const japanTimeOfDay = (instant: string): string => secondsOfDay.format(new Date(instant));

/** "2 min 5 s", "2分5秒"; the two greatest units. */
export function duration(milliseconds: number, language: Language): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  const units = language === 'ja' ? (['日', '時間', '分', '秒'] as const) : ([' d', ' h', ' min', ' s'] as const);
  const parts = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60, seconds % 60];
  const first = parts.findIndex((part) => part > 0);
  if (first < 0) {
    return `0${units[3]}`;
  }

  return parts
    .map((part, i) => ({ part, unit: units[i] }))
    .slice(first, first + 2)
    .filter(({ part }) => part > 0)
    .map(({ part, unit }) => `${part}${unit}`)
    .join(language === 'ja' ? '' : ' ');
}
