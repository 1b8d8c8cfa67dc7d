/** Terms, matches and highlights, for texts of every kind. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matchOf } from '../../src/features/search/rank.ts';
import {
  mayBePrefix,
  partsOf,
  termsOf,
  termsOfMessage,
  tokensOf,
  wantedOf,
} from '../../src/features/search/terms.ts';

const RUNS = Number(process.env.CONVERGENCE_RUNS ?? 100) * 3;

const scripts = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({
    unit: fc.constantFrom(
      ...[
        'a',
        'B',
        'é',
        'e\u0301',
        'ß',
        'İ',
        'ﬁ',
        '½',
        '①',
        ' ',
        '.',
        '-',
        '_',
        '\n',
        '👍',
        '\u200D',
      ],
      ...['世', '界', '𠮷', 'カ', 'ﾞ', 'ｶ', 'が', 'ー', '한', '\u1112', '\u1161', '\u11AB', '글'],
      ...['क', 'ि', '్', 'ش', '\u064B', 'ש', '\u05B8', '\u0E01', '\u0E34', '\u00AD', '\u3099'],
    ),
    maxLength: 40,
  }),
);

/** Whether terms alone would lead to a text. */
const isFound = (text: string, query: string): boolean => {
  const terms = termsOf(text);
  const wanted = wantedOf(partsOf(query), mayBePrefix(partsOf(query)));
  return (
    wanted.terms.every((term) => terms.includes(term)) &&
    wanted.prefixes.every((prefix) => terms.some((term) => term.startsWith(prefix)))
  );
};

describe('terms', () => {
  it.each([
    ['Hello, World! hello', ['hello', 'world']],
    ['Änne Élan naïve', ['anne', 'elan', 'naive']],
    ['x_1.5-beta', ['x', '1', '5', 'beta']],
    ['PC版 全文検索', ['pc', '版', '全文', '文検', '検索', '索']],
    ['हिन्दी', ['हिन्दी']],
    ['שָׁלוֹם', ['שלום']],
    ['مُحَمَّد', ['محمد']],
    ['\u00ADsoft\u00ADware', ['software']],
    ['(((', []],
    [`<@${'0a'.repeat(12)}> and <@all>, hello`, ['and', 'hello']],
    ['a'.repeat(40), ['a'.repeat(32)]],
  ])('of %s', (text, terms) => {
    expect(termsOf(text)).toEqual(terms);
  });

  it('of a message are also who sent it and whether it has files, and none when deleted', () => {
    const message = { senderId: 'f'.repeat(24), text: 'Hi' };
    expect(termsOfMessage(message)).toEqual(['*', `@${message.senderId}`, 'hi']);
    expect(termsOfMessage({ ...message, attachments: [{}] })).toContain('+attachment');
    expect(termsOfMessage({ ...message, deletedAt: new Date() })).toEqual([]);
  });

  it('are bounded, and made in time that grows with the text', () => {
    const words = Array.from({ length: 4_000 }, (_, n) => n.toString(36)).join(' ');
    expect(termsOf(words)).toHaveLength(2_000);
    const han = Array.from({ length: 4_000 }, (_, n) => String.fromCodePoint(0x4e00 + n)).join('');
    expect(termsOf(han)).toHaveLength(2_000);
    const startedAt = performance.now();
    for (const text of ['a\u0301'.repeat(2_000), '\u0301'.repeat(4_000), '\u1100'.repeat(4_000)]) {
      termsOf(text);
    }
    expect(performance.now() - startedAt).toBeLessThan(1_000);
  });

  it('are the same however a text is composed, and in upper case', () => {
    fc.assert(
      fc.property(scripts, (text) => {
        const terms = termsOf(text);
        expect(termsOf(text.normalize('NFC'))).toEqual(terms);
        expect(termsOf(text.normalize('NFD'))).toEqual(terms);
      }),
      { numRuns: RUNS },
    );
  });

  it('have no sign in them that means something to an expression or a filter', () => {
    fc.assert(
      fc.property(scripts, (text) => {
        for (const term of termsOf(text)) expect(term).toMatch(/^[\p{L}\p{N}\p{M}]+$/u);
      }),
      { numRuns: RUNS },
    );
  });

  it('lead to a text by each of its words, the beginning of its last one, and any part of a run', () => {
    fc.assert(
      fc.property(scripts, fc.nat(), fc.nat(), (text, a, b) => {
        for (const token of tokensOf(text)) {
          const query = token.characters.join('');
          // Parts of Hangul become one when a joiner between them is left out.
          if (partsOf(query)[0]?.characters.length !== token.characters.length) continue;
          expect(isFound(text, query), query).toBe(true);
          expect(matchOf(text, partsOf(query), false)?.isExact, query).toBe(true);
          const [from, to] = [a % token.characters.length, b % token.characters.length].sort(
            (x, y) => x - y,
          ) as [number, number];
          const part = token.characters.slice(token.kind === 'run' ? from : 0, to + 1).join('');
          if (token.kind === 'word' && [...part].length < 2) continue;
          // A mark at its beginning belongs to what was before it.
          if (/^\p{M}/u.test(part) || partsOf(part).length !== 1) continue;
          expect(isFound(text, part), part).toBe(true);
          expect(matchOf(text, partsOf(part), true), part).toBeDefined();
        }
      }),
      { numRuns: RUNS },
    );
  });
});

describe('highlights', () => {
  it('ascend, do not overlap, and show what was looked for', () => {
    fc.assert(
      fc.property(scripts, fc.nat(), (text, pick) => {
        const tokens = tokensOf(text);
        const token = tokens[pick % Math.max(1, tokens.length)];
        if (token === undefined) return;
        const sought = token.characters.join('');
        const match = matchOf(text, partsOf(sought), true);
        expect(match?.highlights.length).toBeGreaterThan(0);
        let end = 0;
        for (const [start, length] of match?.highlights ?? []) {
          expect(start).toBeGreaterThanOrEqual(end);
          expect(length).toBeGreaterThan(0);
          end = start + length;
          const shown = tokensOf(text.slice(start, end)).map(({ characters }) =>
            characters.join(''),
          );
          expect(shown.join('')).toContain(sought);
        }
        expect(end).toBeLessThanOrEqual(text.length);
      }),
      { numRuns: RUNS },
    );
  });

  it('of what overlaps are one', () => {
    expect(matchOf('哈哈哈', partsOf('哈哈'), false)?.highlights).toEqual([[0, 3]]);
    expect(matchOf('go gopher', partsOf('go'), true)?.highlights).toEqual([
      [0, 2],
      [3, 2],
    ]);
  });

  it('of a phrase are told from words apart', () => {
    const isPhrase = (text: string) => matchOf(text, partsOf('red apple'), true)?.isPhrase;
    expect(isPhrase('a red, apple')).toBe(true);
    expect(isPhrase('red applesauce')).toBe(true);
    expect(isPhrase('apple red')).toBe(false);
    expect(isPhrase('red or green apple')).toBe(false);
    expect(isPhrase('red')).toBeUndefined();
  });
});
