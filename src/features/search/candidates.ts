/** Messages that may be what is looked for, by their terms alone, the newest first. */
import type { IdRange, Scope, SearchStore } from './search.store.ts';
import { ANY, type Wanted } from './terms.ts';

/** Of each term so many ids are looked at, to find the rarest. */
const PROBED_IDS = 300;
/** For these MongoDB looks through all that begins so, and more ids cost little. */
const PROBED_OF_BEGINNING = 1_000;
/** Terms that are looked at; the others only filter. */
const PROBED = 6;
/** Among so many of the rarest one's messages the others are looked for. */
const FILTERED_MAX = 7_500;
/** As long as none is found, the next time among so many times as many. */
const GROWTH = 4;
/** By what is expected to be enough often is not; so much more is asked for. */
const RESERVE = 1.25;
/** Of those that are left so many are read, and then more if they do not suffice. */
const READ_AT_ONCE = 150;

type Store = Pick<SearchStore, 'newest' | 'newestHaving' | 'beginning' | 'having'>;

/** A term, or the beginning of terms. */
interface Sought {
  term: string;
  isPrefix: boolean;
}

/** What one finds. */
interface Listed extends Sought {
  /** The newest first. */
  ids: string[];
  /** Down to this id these are all; "": down to the first message. */
  oldest: string;
  /** Of the beginning of very many words these are any, and not the newest. */
  isNewest: boolean;
}

/**
 * Gives ids of messages that have all that is wanted.
 * @param missing how many are still needed
 */
export async function* candidatesOf(
  store: Store,
  scope: Scope,
  wanted: Wanted,
  range: IdRange,
  missing: () => number,
): AsyncGenerator<string[]> {
  const [only, ...more] = wanted.terms;
  if (only !== undefined && more.length === 0 && wanted.prefixes.length === 0) {
    yield* all(store, scope, only, range, missing);
    return;
  }
  const needed = missing();
  const probes = await Promise.all(probedOf(wanted).map((one) => probe(store, scope, one, range)));
  const lists = probes.filter(({ isNewest }) => isNewest);
  const bound = boundOf(lists);
  yield* filtered(store, inAll(lists, bound), without(wanted, lists));
  const complete = lists.filter(({ oldest }) => oldest === '');
  if (complete.length > 0) {
    const older = inAll(complete, '').filter((id) => id < bound);
    yield* filtered(store, older, without(wanted, complete));
    return;
  }
  // All are in many messages: the term whose last is the oldest is the rarest of late.
  const [driver] = lists
    .filter(({ isPrefix }) => !isPrefix)
    .sort((a, b) => (a.oldest < b.oldest ? -1 : 1));
  const rest = without(wanted, driver === undefined ? [] : [driver]);
  const older = driver?.ids.filter((id) => id < bound) ?? [];
  yield* filtered(store, older, rest);
  let oldest = driver?.oldest ?? bound;
  for (let seen = driver?.ids.length ?? 0; seen < FILTERED_MAX; ) {
    const limit = sizeOfNext(seen, needed - missing(), missing());
    const at = oldest === '' ? range : { ...range, below: oldest };
    const found = await store.newestHaving(scope, driver?.term ?? ANY, at, limit, rest);
    yield* inParts(found.ids);
    if (found.oldest === undefined) return;
    oldest = found.oldest;
    // Of several queries each looks through so many, and only down to the highest end all did.
    seen += limit;
  }
  // What was seen of a beginning, further back.
  const beginning = probes.find(({ isNewest }) => !isNewest);
  if (driver !== undefined || beginning === undefined) return;
  const furtherBack = beginning.ids.filter((id) => id < oldest);
  yield* filtered(store, furtherBack, without(wanted, [beginning]));
}

/** Everything with one term. */
async function* all(
  store: Pick<Store, 'newest'>,
  scope: Scope,
  term: string,
  range: IdRange,
  missing: () => number,
): AsyncGenerator<string[]> {
  let limit = missing();
  for (let at = range; ; limit = READ_AT_ONCE) {
    const ids = await store.newest(scope, term, at, limit);
    if (ids.length > 0) yield ids;
    const last = ids.at(-1);
    if (ids.length < limit || last === undefined) return;
    at = { ...range, below: last };
  }
}

async function probe(
  store: Pick<Store, 'newest' | 'beginning'>,
  scope: Scope,
  { term, isPrefix }: Sought,
  range: IdRange,
): Promise<Listed> {
  const limit = isPrefix ? PROBED_OF_BEGINNING : PROBED_IDS;
  const { ids, isNewest } = isPrefix
    ? await store.beginning(scope, term, range, limit)
    : { ids: await store.newest(scope, term, range, limit), isNewest: true };
  const oldest = ids.length < limit ? '' : (ids.at(-1) ?? '');
  return { term, isPrefix, ids, oldest, isNewest };
}

/** Long words and pairs behind each other are the rarer ones, as a rule. */
const probedOf = ({ terms, prefixes }: Wanted): Sought[] => [
  ...[...terms]
    .sort((a, b) => b.length - a.length)
    .slice(0, PROBED)
    .map((term) => ({ term, isPrefix: false })),
  ...prefixes.slice(0, PROBED).map((term) => ({ term, isPrefix: true })),
];

/** As many as bring what is missing, if they are like those that were seen. */
function sizeOfNext(seen: number, found: number, missing: number): number {
  const expected = found === 0 ? seen * GROWTH : ((missing * seen) / found) * RESERVE;
  return Math.ceil(Math.min(Math.max(expected, PROBED_IDS), FILTERED_MAX));
}

/** Down to here each list tells of every message whether it has its term. */
const boundOf = (lists: Listed[]): string =>
  lists.reduce((bound, { oldest }) => (oldest > bound ? oldest : bound), '');

/** Ids from `bound` on that all lists have, the newest first. */
function inAll(lists: Listed[], bound: string): string[] {
  const [shortest, ...others] = [...lists].sort((a, b) => a.ids.length - b.ids.length);
  const sets = others.map(({ ids }) => new Set(ids));
  return (shortest?.ids ?? []).filter((id) => id >= bound && sets.every((set) => set.has(id)));
}

/** What is wanted beside what lists tell. */
const without = ({ terms, prefixes }: Wanted, lists: Listed[]): Wanted => ({
  terms: terms.filter((term) => !lists.some((one) => !one.isPrefix && one.term === term)),
  prefixes: prefixes.filter((term) => !lists.some((one) => one.isPrefix && one.term === term)),
});

async function* filtered(
  store: Pick<SearchStore, 'having'>,
  ids: string[],
  wanted: Wanted,
): AsyncGenerator<string[]> {
  yield* inParts(await store.having(ids, wanted));
}

/** Read as they are needed. */
function* inParts(ids: string[]): Generator<string[]> {
  for (let at = 0; at < ids.length; at += READ_AT_ONCE) yield ids.slice(at, at + READ_AT_ONCE);
}
