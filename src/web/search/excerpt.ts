/** A part of a text around what was found in it. */
import { mentionPattern } from '../../protocol/mentions.ts';
import type { SearchHit } from '../../protocol/types.ts';
import type { MentionOf } from '../state/mentions.ts';
import { withNames } from '../state/mentions.ts';

export interface ExcerptPart {
  text: string;
  isFound: boolean;
}

/** UTF-16 units before the first find, and in all. */
const BEFORE = 40;
const LENGTH = 160;

/**
 * Cuts a text down to what a list has room for, and divides it by what was found.
 * @param highlights beginnings and lengths, ascending
 */
export function excerptParts(text: string, highlights: SearchHit['highlights']): ExcerptPart[] {
  const first = highlights[0]?.[0] ?? 0;
  const start = startOf(text, first - BEFORE);
  const end = Math.min(text.length, start + LENGTH);
  const parts: ExcerptPart[] = [];
  const push = (from: number, to: number, isFound: boolean) => {
    const some = text.slice(from, to).replace(/\s+/g, ' ');
    if (some !== '') parts.push({ text: some, isFound });
  };
  if (start > 0) parts.push({ text: '…', isFound: false });
  let at = start;
  for (const [from, length] of highlights) {
    if (from < at || from >= end) continue;
    push(at, from, false);
    at = Math.min(end, from + length);
    push(from, at, true);
  }
  push(at, end, false);
  if (end < text.length) parts.push({ text: '…', isFound: false });
  return parts;
}

/** The beginning of a word near a place; never the middle of a character. */
function startOf(text: string, near: number): number {
  if (near <= 0) return 0;
  const space = text.slice(near, near + 20).search(/\s/);
  const start = space < 0 ? near : near + space + 1;
  return /[\uDC00-\uDFFF]/.test(text[start] ?? '') ? start - 1 : start;
}

/** A text with people's names in the place of tokens, and where the finds are then. */
export function withNamesIn(
  text: string,
  highlights: SearchHit['highlights'],
  mentionOf: MentionOf | undefined,
): Pick<SearchHit, 'highlights'> & { text: string } {
  const shifts: { at: number; by: number }[] = [];
  const named = text.replace(mentionPattern(), (token, _id, at: number) => {
    const name = withNames(token, mentionOf);
    shifts.push({ at, by: name.length - token.length });
    return name;
  });
  // Nothing is found within a token.
  const moved = (place: number): number =>
    shifts.reduce((sum, { at, by }) => (at < place ? sum + by : sum), place);
  return { text: named, highlights: highlights.map(([at, length]) => [moved(at), length]) };
}
