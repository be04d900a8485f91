import { expect, it } from 'vitest';
import { preferredLanguage } from '.';
import { en } from './en';
import { ja } from './ja';

const keys = (words: object): string[] =>
  Object.entries(words).flatMap(([key, value]) => (typeof value === 'object' ? Object.keys(value as object).map((inner) => `${key}.${inner}`) : [key]));

it('says everything in both languages', () => expect(keys(ja)).toEqual(keys(en)));

it('speaks as chosen before, else as the browser asks, else English', () => {
  expect(preferredLanguage('ja', ['en'])).toBe('ja');
  expect(preferredLanguage(null, ['fr', 'ja-JP', 'en'])).toBe('ja');
  expect(preferredLanguage('klingon', ['en-US', 'ja'])).toBe('en');
  expect(preferredLanguage(null, ['fr'])).toBe('en');
});
