import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { excerptParts, withNamesIn } from '../../src/web/search/excerpt.ts';

const shown = (text: string, highlights: [number, number][]) =>
  excerptParts(text, highlights)
    .map(({ text: part, isFound }) => (isFound ? `[${part}]` : part))
    .join('');

describe('the excerpt of a message that was found', () => {
  it.each<[string, string, [number, number][]]>([
    ['shows a short text whole', 'See [you] at five', [[4, 3]]],
    [
      'marks every find',
      '[a] b [a]',
      [
        [0, 1],
        [4, 1],
      ],
    ],
    ['shows a text that was found by something else', 'words alone', []],
    ['puts several lines into one', 'one [two]', [[4, 3]]],
  ])('%s', (what, expected, highlights) => {
    const text = what.includes('lines') ? 'one\ntwo' : expected.replaceAll(/[[\]]/g, '');
    expect(shown(text, highlights)).toBe(expected);
  });

  it('names people, and marks what was found where it is then', () => {
    const id = '0a'.repeat(12);
    const text = `Ask <@${id}> and <@all> for it`;
    const mentionOf = (one: string) => ({ name: one === 'all' ? one : 'Ann Archer', isOwn: false });
    const at = (word: string): [number, number] => [text.indexOf(word), word.length];
    const named = withNamesIn(text, [at('Ask'), at('and'), at('it')], mentionOf);
    expect(shown(named.text, named.highlights)).toBe('[Ask] @Ann Archer [and] @all for [it]');
  });

  it('begins near the first find, at a word, and ends in time', () => {
    const text = `${'before '.repeat(50)}found ${'behind '.repeat(50)}`;
    const excerpt = shown(text, [[350, 5]]);
    expect(excerpt).toMatch(/^…before (before )+\[found\] (behind )+.*…$/);
    expect(excerpt.length).toBeLessThan(170);
  });

  it('never cuts a character in two, and loses nothing of what it shows', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('a', ' ', '😀', '漢'), maxLength: 400 }),
        fc.nat(399),
        (text, near) => {
          const start = /[\uDC00-\uDFFF]/.test(text[near] ?? '') ? near - 1 : near;
          const length = [...text.slice(start)][0]?.length ?? 0;
          const parts = excerptParts(text, length === 0 ? [] : [[start, length]]);
          for (const part of parts) expect(part.text).not.toMatch(/\p{Surrogate}/u);
          const found = parts.filter(({ isFound }) => isFound);
          if (length > 0)
            expect(found.map((part) => part.text)).toEqual([text.slice(start, start + length)]);
        },
      ),
    );
  });
});
