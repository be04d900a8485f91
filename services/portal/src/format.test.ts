import { describe, expect, it } from 'vitest';
import { duration, japanTime, japanTimeOfDay, percent, rate } from './format';

describe('rates', () => {
  it.each([
    [0, '0 bit/s'],
    [999, '999 bit/s'],
    [1000, '1.00 kbit/s'],
    [1_234_567, '1.23 Mbit/s'],
    [12_340_000_000, '12.3 Gbit/s'],
    [999_999, '1.00 Mbit/s'],
    [123_400_000_000_000, '123 Tbit/s'],
  ])('%d is %s', (amount, text) => expect(rate(amount, 'bit/s')).toBe(text));
  it('names packets', () => expect(rate(350_000, 'packets/s')).toBe('350k packets/s'));
});

describe('parts', () => {
  it.each([
    [0, '0 %'],
    [0.0001, '<0.1 %'],
    [0.034, '3.4 %'],
    [0.0996, '10 %'],
    [0.425, '43 %'],
    [1, '100 %'],
  ])('%d is %s', (part, text) => expect(percent(part)).toBe(text));
});

describe('times', () => {
  it('are those of Japan', () => {
    expect(japanTime('2026-11-20T15:00:01Z', 'ja')).toBe('2026/11/21 00:00:01');
    expect(japanTime('2026-11-20T15:00:01Z', 'en')).toBe('21 Nov 2026, 00:00:01');
  });
  it('are exact to the millisecond in a timeline', () => expect(japanTimeOfDay('2026-11-20T15:00:01.250Z')).toBe('00:00:01.250'));
});

describe('durations', () => {
  it.each([
    [0, '0 s', '0秒'],
    [59_400, '59 s', '59秒'],
    [125_000, '2 min 5 s', '2分5秒'],
    [3_600_000, '1 h', '1時間'],
    [90_061_000, '1 d 1 h', '1日1時間'],
  ])('%d ms is %s, %s', (milliseconds, english, japanese) => {
    expect(duration(milliseconds, 'en')).toBe(english);
    expect(duration(milliseconds, 'ja')).toBe(japanese);
  });
});
