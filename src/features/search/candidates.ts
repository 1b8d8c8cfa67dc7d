/** Messages that may be what is looked for, by their terms alone, the newest first. */
import type { IdRange, Scope, SearchStore } from './search.store.ts';
import { ANY, type Wanted } from './terms.ts';

/**
 * Ids that are asked for and filtered at a time; and of each term or beginning so many are looked
 * at, to find the rarest.
 */
const WINDOW = 300;
/** Terms that are looked at; the others only filter. */
const PROBED = 6;
/** Windows in which the other terms are looked for, behind the first one. */
const WINDOWS = 25;
/** Of those that are left so many are read, and then more if they do not suffice. */
const READ_AT_ONCE = 150;

/** What a term or a beginning finds. */
interface Probe {
  term: string;
  isPrefix: boolean;
  /** The newest first. */
  ids: string[];
  /** Whether these are all. */
  isComplete: boolean;
}

/**
 * Gives ids of messages that have all that is wanted.
 * @param count how many are probably needed
 */
export async function* candidatesOf(
  store: Pick<SearchStore, 'newest' | 'beginning' | 'having'>,
  scope: Scope,
  wanted: Wanted,
  range: IdRange,
  count: number,
): AsyncGenerator<string[]> {
  const [only, ...more] = wanted.terms;
  if (only !== undefined && more.length === 0 && wanted.prefixes.length === 0) {
    yield* inTurn(store, scope, only, range, count, Number.POSITIVE_INFINITY);
    return;
  }
  const probes = await probe(store, scope, wanted, range);
  // Some of a beginning's messages are in no order: they tell nothing of those between them.
  const lists = probes.filter(({ isPrefix, isComplete }) => isComplete || !isPrefix);
  const bound = boundOf(lists);
  yield* filtered(store, inAll(lists, bound), without(wanted, lists));
  const complete = lists.filter(({ isComplete }) => isComplete);
  if (complete.length > 0) {
    const older = inAll(complete, '').filter((id) => id < bound);
    yield* filtered(store, older, without(wanted, complete));
    return;
  }
  // All are in many messages: the one whose last is the oldest is the rarest of late. How a
  // beginning is spread over time is not known, so it only filters.
  const [rarest] = lists.sort((a, b) => (lastOf(a) < lastOf(b) ? -1 : 1));
  const driver = rarest?.term ?? ANY;
  const rest = without(wanted, rarest === undefined ? [] : [rarest]);
  let lowest = rarest?.ids.at(-1);
  if (rarest !== undefined) {
    yield* filtered(
      store,
      rarest.ids.filter((id) => id < bound),
      rest,
    );
  }
  const further = lowest === undefined ? range : { ...range, below: lowest };
  for await (const ids of inTurn(store, scope, driver, further, WINDOW, WINDOWS)) {
    lowest = ids.at(-1);
    yield* filtered(store, ids, rest);
  }
  // What was seen of the beginning, further back.
  const seen = probes.find(({ isPrefix }) => isPrefix);
  if (rarest !== undefined || seen === undefined || lowest === undefined) return;
  const oldest = lowest;
  const older = seen.ids.filter((id) => id < oldest);
  yield* filtered(store, older, without(wanted, [seen]));
}

const lastOf = ({ ids }: Probe): string => ids.at(-1) ?? '';

/** Down to here each list tells of every message whether it has its term. */
const boundOf = (lists: Probe[]): string =>
  lists.reduce((bound, list) => {
    const last = list.isComplete ? '' : lastOf(list);
    return last > bound ? last : bound;
  }, '');

/** Ids from `bound` on that all lists have, the newest first. */
function inAll(lists: Probe[], bound: string): string[] {
  const [shortest, ...others] = [...lists].sort((a, b) => a.ids.length - b.ids.length);
  const sets = others.map(({ ids }) => new Set(ids));
  return (shortest?.ids ?? []).filter((id) => id >= bound && sets.every((set) => set.has(id)));
}

/** What is wanted beside what lists tell. */
const without = ({ terms, prefixes }: Wanted, lists: Probe[]): Wanted => ({
  terms: terms.filter((term) => !lists.some((one) => !one.isPrefix && one.term === term)),
  prefixes: prefixes.filter((term) => !lists.some((one) => one.isPrefix && one.term === term)),
});

/** One term's messages, some at a time. */
async function* inTurn(
  store: Pick<SearchStore, 'newest'>,
  scope: Scope,
  term: string,
  range: IdRange,
  count: number,
  windows: number,
): AsyncGenerator<string[]> {
  let { below } = range;
  for (let window = 0; window < windows; window++) {
    const at = { ...range, ...(below === undefined ? {} : { below }) };
    const ids = await store.newest(scope, term, at, count);
    if (ids.length > 0) yield ids;
    if (ids.length < count) return;
    below = ids.at(-1);
  }
}

async function* filtered(
  store: Pick<SearchStore, 'having'>,
  ids: string[],
  wanted: Wanted,
): AsyncGenerator<string[]> {
  const some = await store.having(ids, wanted);
  // Read as they are needed.
  for (let at = 0; at < some.length; at += READ_AT_ONCE) yield some.slice(at, at + READ_AT_ONCE);
}

/** Long words and pairs behind each other are the rarer ones, as a rule. */
function probe(
  store: Pick<SearchStore, 'newest' | 'beginning'>,
  scope: Scope,
  { terms, prefixes }: Wanted,
  range: IdRange,
): Promise<Probe[]> {
  const longest = [...terms].sort((a, b) => b.length - a.length).slice(0, PROBED);
  return Promise.all([
    ...longest.map(async (term): Promise<Probe> => {
      const ids = await store.newest(scope, term, range, WINDOW);
      return { term, isPrefix: false, ids, isComplete: ids.length < WINDOW };
    }),
    ...prefixes.slice(0, PROBED).map(async (term): Promise<Probe> => {
      const ids = await store.beginning(scope, term, range, WINDOW);
      return { term, isPrefix: true, ids, isComplete: ids.length < WINDOW };
    }),
  ]);
}
