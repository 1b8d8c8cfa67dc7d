/**
 * What a text is found by.
 *
 * Words are runs of letters and digits, compared without regard to case, accents and width. Han,
 * Hiragana, Katakana and Hangul are written without spaces, or with few: of their runs every two
 * neighbours are a term, and the last character alone, so that each character begins one. Thai,
 * Lao and Khmer are not divided into words: there a run is found by its beginning only.
 */

import { mayMention, mentionPattern } from '../../protocol/mentions.ts';

/** Characters of a word; a longer one is found by its beginning. */
const WORD_LENGTH = 32;
/** Distinct terms of one message; what comes behind them in a very long one is not found. */
const TERMS_PER_MESSAGE = 2_000;

/** A word of a text, or a run of characters that are written without spaces. */
export interface Token {
  readonly kind: 'word' | 'run';
  /** As it is compared. */
  readonly value: string;
  /** The same, character by character. */
  readonly characters: readonly string[];
  /** Where each of these begins and ends in the text, in UTF-16 units. */
  readonly starts: readonly number[];
  readonly ends: readonly number[];
}

/** One to which characters are added. */
interface OpenToken {
  kind: Token['kind'];
  characters: string[];
  starts: number[];
  ends: number[];
}

/**
 * Characters with what belongs to them: marks, half-width voice marks, joiners and the soft hyphen;
 * and Hangul that is written in its parts.
 */
const CLUSTERS =
  /(?:[\u1100-\u115F][\u1160-\u11A7]*[\u11A8-\u11FF]*|\P{M})[\p{M}\uFF9E\uFF9F\u00AD\u200C\u200D]*|\p{M}+/gu;
/**
 * Accents and other marks that any script may have, and the points of Hebrew; not the vowels of
 * Indic scripts, which are marks, too. (The voice marks of kana are put back by NFC.)
 */
const ACCENTS = /(?![\u3099\u309A])[\p{Mn}\p{Me}](?<=[\p{Script=Inherited}\u0591-\u05C7])/gu;
const NO_WORD = /[^\p{L}\p{N}\p{M}]/gu;
const MARK = /\p{M}/u;
const STRAY_MARK = /^\p{M}/u;
const UNSPACED = /[\p{scx=Han}\p{scx=Hiragana}\p{scx=Katakana}\p{scx=Hangul}\p{scx=Bopomofo}]/u;
const ASCII = /^[\0-\x7F]*$/;
const ASCII_WORDS = /[a-z0-9]+/g;

/** A cluster as it is compared; "" when it belongs to no word. */
function fold(cluster: string): string {
  const plain = cluster.normalize('NFKD').replace(ACCENTS, '').replace(NO_WORD, '');
  // A mark on what is no letter is none, either.
  if (plain === '' || STRAY_MARK.test(plain)) return '';
  // By the upper case, so that "ß" is "ss" and every sigma the same.
  return plain.toUpperCase().toLowerCase().normalize('NFC');
}

/** Who is named is no word of the text: an id means nothing to who reads it. */
const withoutMentions = (text: string): string =>
  mayMention(text) ? text.replace(mentionPattern(), (token) => ' '.repeat(token.length)) : text;

/** All words and runs of a text, in their order. */
export function tokensOf(whole: string): Token[] {
  const text = withoutMentions(whole);
  return ASCII.test(text) ? plainTokensOf(text) : foldedTokensOf(text);
}

/** A word of a plain text: where its characters stand is asked of few, hundreds are compared. */
class PlainWord implements Token {
  readonly kind = 'word';
  readonly value: string;
  readonly #start: number;

  constructor(value: string, start: number) {
    this.value = value;
    this.#start = start;
  }

  get characters(): string[] {
    return [...this.value];
  }
  get starts(): number[] {
    return Array.from(this.value, (_, at) => this.#start + at);
  }
  get ends(): number[] {
    return Array.from(this.value, (_, at) => this.#start + at + 1);
  }
}

/** The same as for any text, and some times faster. */
function plainTokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  for (const { 0: word, index } of text.toLowerCase().matchAll(ASCII_WORDS)) {
    tokens.push(new PlainWord(word, index));
  }
  return tokens;
}

function foldedTokensOf(text: string): Token[] {
  const tokens: OpenToken[] = [];
  let open: OpenToken | undefined;
  for (const { 0: cluster, index } of text.matchAll(CLUSTERS)) {
    const folded = fold(cluster);
    if (folded === '') {
      open = undefined;
      continue;
    }
    // Some signs are a number and a Han character in one.
    for (const character of folded) {
      const kind = UNSPACED.test(character) ? 'run' : 'word';
      const continues = open !== undefined && (open.kind === kind || MARK.test(character));
      if (open === undefined || !continues) {
        open = { kind, characters: [], starts: [], ends: [] };
        tokens.push(open);
      }
      open.characters.push(character);
      open.starts.push(index);
      open.ends.push(index + cluster.length);
    }
  }
  return tokens.map((token) => ({ ...token, value: token.characters.join('') }));
}

/** The distinct terms of a text. */
export function termsOf(text: string): string[] {
  const terms = new Set<string>();
  if (ASCII.test(text)) {
    for (const [word] of withoutMentions(text).toLowerCase().matchAll(ASCII_WORDS)) {
      terms.add(word.slice(0, WORD_LENGTH));
      if (terms.size === TERMS_PER_MESSAGE) break;
    }
    return [...terms];
  }
  for (const { kind, characters } of tokensOf(text)) {
    if (kind === 'word') terms.add(characters.slice(0, WORD_LENGTH).join(''));
    else for (const pair of pairsOf(characters)) terms.add(pair);
    if (terms.size >= TERMS_PER_MESSAGE) break;
  }
  return [...terms].slice(0, TERMS_PER_MESSAGE);
}

/** Every two neighbours, and the last one alone. */
function* pairsOf(characters: readonly string[]): Generator<string> {
  for (const [index, character] of characters.entries()) {
    yield character + (characters[index + 1] ?? '');
  }
}

/** A word or run that somebody looks for. */
export type Part = Pick<Token, 'kind' | 'value' | 'characters'>;

/** What is looked for, in the order in which it was typed. */
export const partsOf = (query: string): Part[] =>
  tokensOf(query).map(({ kind, value, characters }) => ({ kind, value, characters }));

/** Terms that a message has, and beginnings of such. */
export interface Wanted {
  terms: string[];
  prefixes: string[];
}

/** A beginning of one letter would be one of very many words. */
const PREFIX_LENGTH = 2;

/** Whether the last word may be the beginning of one. */
export const mayBePrefix = (parts: readonly Part[]): boolean => {
  const last = parts.at(-1);
  return last?.kind === 'word' && last.characters.length >= PREFIX_LENGTH;
};

/**
 * What a message with all of the parts has among its terms.
 * @param lastIsPrefix the last word is the beginning of a word
 */
export function wantedOf(parts: readonly Part[], lastIsPrefix: boolean): Wanted {
  const terms = new Set<string>();
  const prefixes = new Set<string>();
  for (const [index, { kind, characters }] of parts.entries()) {
    const isPrefix = kind === 'run' ? characters.length === 1 : lastIsPrefix;
    const word = characters.slice(0, WORD_LENGTH).join('');
    if (isPrefix && (kind === 'run' || index === parts.length - 1)) prefixes.add(word);
    else if (kind === 'word') terms.add(word);
    // But for the last one alone, which is a term only at the end of a run.
    else for (const pair of [...pairsOf(characters)].slice(0, -1)) terms.add(pair);
  }
  return { terms: [...terms], prefixes: [...prefixes] };
}

// No word has these signs in it.
/** The term of everything that is not deleted. */
export const ANY = '*';
export const HAS_ATTACHMENT = '+attachment';
export const sentBy = (userId: string): string => `@${userId}`;

/** What a message is found by; nothing finds a deleted one. */
export function termsOfMessage(message: {
  senderId: string;
  text: string;
  attachments?: readonly unknown[];
  deletedAt?: unknown;
}): string[] {
  if (message.deletedAt !== undefined) return [];
  const filters = [ANY, sentBy(message.senderId)];
  if ((message.attachments?.length ?? 0) > 0) filters.push(HAS_ATTACHMENT);
  return [...filters, ...termsOf(message.text)];
}
