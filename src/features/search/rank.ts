/** Whether a text has what is looked for, how well, and where. */
import type { Part, Token } from './terms.ts';
import { tokensOf } from './terms.ts';

/** Beginning and length, in UTF-16 units of the text. */
export type Highlight = [start: number, length: number];

export interface Match {
  /** No word is only the beginning of one. */
  isExact: boolean;
  /** The parts stand next to each other, in their order. */
  isPhrase: boolean;
  /** Ascending, not overlapping. */
  highlights: Highlight[];
}

/** More would not be read; a text of one letter a thousand times has as many. */
const HIGHLIGHTS_MAX = 200;

/** A part found in a token: from which character to which. */
interface Found {
  from: number;
  to: number;
  isExact: boolean;
}

/**
 * Finds all parts in a text; undefined when one is missing.
 * @param lastMayBePrefix the last word may also be the beginning of one
 */
export function matchOf(
  text: string,
  parts: readonly Part[],
  lastMayBePrefix: boolean,
): Match | undefined {
  const tokens = tokensOf(text);
  /** By part, then by token. */
  const found = parts.map((part, index) => {
    const mayBePrefix = lastMayBePrefix && index === parts.length - 1;
    return tokens.map((token) => placesIn(token, part, mayBePrefix));
  });
  const hasExact = found.map((places) => places.some((some) => some.some((one) => one.isExact)));
  if (found.some((places) => places.every((some) => some.length === 0))) return undefined;
  return {
    isExact: hasExact.every(Boolean),
    isPhrase: tokens.some((_, at) =>
      found.every((places, index) => (places[at + index]?.length ?? 0) > 0),
    ),
    highlights: highlightsOf(tokens, found),
  };
}

const NONE: readonly Found[] = [];

function placesIn(token: Token, part: Part, mayBePrefix: boolean): readonly Found[] {
  if (token.kind !== part.kind) return NONE;
  const sought = part.characters;
  if (part.kind === 'word') {
    const isExact = token.value === part.value;
    if (!isExact && !(mayBePrefix && token.value.startsWith(part.value))) return NONE;
    return [{ from: 0, to: sought.length - 1, isExact }];
  }
  const { characters } = token;
  const isAt = (from: number): boolean =>
    sought.every((character, index) => characters[from + index] === character);
  const places: Found[] = [];
  for (let from = 0; from + sought.length <= characters.length; from++) {
    if (isAt(from)) places.push({ from, to: from + sought.length - 1, isExact: true });
  }
  return places;
}

function highlightsOf(
  tokens: readonly Token[],
  found: readonly (readonly (readonly Found[])[])[],
): Highlight[] {
  const ranges = found.flatMap((places) =>
    places.flatMap((some, index) =>
      some.map(({ from, to }) => {
        const { starts, ends } = tokens[index] as Token;
        return [starts[from] as number, ends[to] as number] as const;
      }),
    ),
  );
  const merged: [number, number][] = [];
  for (const [start, end] of ranges.sort((a, b) => a[0] - b[0])) {
    const last = merged.at(-1);
    if (last !== undefined && start < last[1]) last[1] = Math.max(last[1], end);
    else merged.push([start, end]);
  }
  return merged.slice(0, HIGHLIGHTS_MAX).map(([start, end]) => [start, end - start]);
}
