/**
 * People named in messages of groups. A message holds their ids; what one reads and writes has
 * their names, "@Ann Archer". Marks of code are left as they are, in both directions.
 */
import { EVERYONE, mayMention, mentionPattern, mentionToken } from '../../protocol/mentions.ts';
import type { Message } from '../../protocol/types.ts';

/** Somebody, under the name that stands in what is being written. */
export interface Named {
  id: string;
  name: string;
}

/** How somebody named in a text is shown. */
export interface Mention {
  name: string;
  /** Oneself is meant, or everyone. */
  isOwn: boolean;
}
/** Undefined: it is no mention, and stays the text that it is. */
export type MentionOf = (id: string) => Mention | undefined;

/** Blocks of code, to the end of the text where they are not closed, and spans of it. */
const codePattern =
  /^[ \t]*(`{3,}|~{3,}).*(?:\n[\s\S]*?(?:\n[ \t]*\1[`~]*[ \t]*(?=\n|(?![\s\S]))|(?![\s\S]))|(?![\s\S]))|(?<!`)(`+)(?!`)[\s\S]*?(?<!`)\2(?!`)/gm;
const wordPart = /[\p{L}\p{M}\p{N}_]/u;

/** Who is named by the tokens of a message, for whoever reads it. */
export const mentionsOf = (
  mentions: readonly string[] | undefined,
  nameOf: (id: string) => string,
  ownId: string,
): MentionOf | undefined =>
  mentions &&
  ((id) =>
    mentions.includes(id)
      ? {
          name: id === EVERYONE ? EVERYONE : nameOf(id),
          isOwn: id === EVERYONE || id === ownId,
        }
      : undefined);

/** A text with names where its tokens are mentions. */
export const withNames = (text: string, mentionOf: MentionOf | undefined): string =>
  mentionOf && mayMention(text)
    ? text.replace(mentionPattern(), (token, id: string) => {
        const mention = mentionOf(id);
        return mention ? `@${mention.name}` : token;
      })
    : text;

/** Where code begins and ends, ascending. */
const codeIn = (text: string): [start: number, end: number][] =>
  [...text.matchAll(codePattern)].map(({ index, 0: code }) => [index, index + code.length]);

/** Whether a place in a text is within code. */
export const isInCode = (text: string, place: number): boolean =>
  codeIn(text).some(([start, end]) => start <= place && place < end);

/**
 * What is sent: tokens in place of names. Who was chosen is meant by their name; of the others
 * those are whose whole name stands there and is nobody else's.
 */
export function withTokens(
  text: string,
  chosen: readonly Named[],
  members: readonly Named[],
): string {
  if (!text.includes('@')) return text;
  const names = candidates(chosen, members);
  const code = codeIn(text);
  let made = '';
  let from = 0;
  for (let at = text.indexOf('@'); at >= 0; at = text.indexOf('@', Math.max(at + 1, from))) {
    if (code.some(([start, end]) => start <= at && at < end)) continue;
    if (wordPart.test(characterBefore(text, at))) continue;
    const found = names.find(({ name }) => standsAt(text, at + 1, name));
    if (found === undefined) continue;
    // Of several people with the same name each stands for one time that it was chosen.
    const id = found.ids.length > 1 ? found.ids.shift() : found.ids[0];
    made += text.slice(from, at) + mentionToken(id ?? '');
    from = at + 1 + found.name.length;
  }
  return made + text.slice(from);
}

/**
 * What is edited: names in place of tokens, and whom they mean. A text that would not become the
 * same again is left with its tokens.
 */
export function toEdit(
  { text, mentions }: Pick<Message, 'text' | 'mentions'>,
  nameOf: (id: string) => string,
): { text: string; mentions: Named[] } {
  const mentionOf = mentionsOf(mentions, nameOf, '');
  const words = withNames(text, mentionOf);
  const named = [...text.matchAll(mentionPattern())].flatMap(([, id = '']) => {
    const mention = mentionOf?.(id);
    return mention ? [{ id, name: mention.name }] : [];
  });
  return withTokens(words, named, []) === text
    ? { text: words, mentions: named }
    : { text, mentions: [] };
}

interface Candidate {
  name: string;
  /** Of several people, in the order in which they were chosen. */
  ids: string[];
}

/** Names that mean somebody, the longest first: "Ann Archer" is not "Ann". */
function candidates(chosen: readonly Named[], members: readonly Named[]): Candidate[] {
  const byName = new Map<string, Candidate>();
  const add = ({ id, name }: Named) => {
    const key = name.toLowerCase();
    byName.set(key, { name, ids: [...(byName.get(key)?.ids ?? []), id] });
  };
  const everyone = members.length > 0 ? [{ id: EVERYONE, name: EVERYONE }] : [];
  for (const one of [...members, ...everyone]) add(one);
  for (const [key, { ids }] of byName) if (ids.length > 1) byName.delete(key);
  for (const { name } of chosen) byName.delete(name.toLowerCase());
  for (const one of chosen) add(one);
  return [...byName.values()].sort((a, b) => b.name.length - a.name.length);
}

/** In whatever case, and not as the beginning of a longer word. */
const standsAt = (text: string, at: number, name: string): boolean =>
  text.slice(at, at + name.length).toLowerCase() === name.toLowerCase() &&
  !wordPart.test(String.fromCodePoint(text.codePointAt(at + name.length) ?? 0x20));

/** "" at the beginning. */
const characterBefore = (text: string, at: number): string =>
  [...text.slice(Math.max(0, at - 2), at)].at(-1) ?? '';
