/**
 * Pages of one long conversation, near its end and far from it: by the store's query (keyset, by
 * seq), and by skip and limit on the same index.
 */
import {
  createMessageStore,
  type MessageRecord,
} from '../../src/features/messages/messages.store.ts';
import { withoutCaches } from '../../src/infra/cache.ts';
import { limits } from '../../src/protocol/limits.ts';
import { type Report, type RunOptions, verdict } from './report.ts';
import { withSeededDatabase } from './seeded.ts';
import { median } from './send.ts';

/** One more than a page has, as the service asks. */
const PAGE = limits.pageDefault + 1;
/** How much slower the deepest page may be than the newest. */
const FLOOR = 1.2;
const ROUNDS = 5;
const REPETITIONS = 100;
const SKIP_REPETITIONS = 3;

export interface PagingResult {
  messages: number;
  /** Medians of the rounds. */
  depths: { depth: number; parleyMs: number; skipMs: number }[];
  deepestOverFirst: number;
  skipDeepestOverFirst: number;
}

export async function reportPaging({ say, ...options }: RunOptions): Promise<Report> {
  const result = await benchPaging(options, say);
  const met = result.deepestOverFirst <= FLOOR;
  return {
    met,
    figures: result,
    lines: [
      ...result.depths.map(
        ({ depth, parleyMs, skipMs }) =>
          `a page at depth ${String(depth).padStart(7)}: ${parleyMs.toFixed(2)} ms, by skip ${skipMs.toFixed(2)} ms`,
      ),
      `deepest over first: ${result.deepestOverFirst.toFixed(2)} ` +
        `(${verdict(met, String(FLOOR))}), by skip: ${result.skipDeepestOverFirst.toFixed(0)}`,
    ],
  };
}

/** @param say gets a line of progress. */
function benchPaging(
  { quick }: { quick: boolean },
  say: (line: string) => void,
): Promise<PagingResult> {
  const messages = quick ? 20_000 : 1_000_000;
  const depths = quick ? [1, 1_000, 10_000, 18_000] : [1, 1_000, 100_000, 900_000];
  // Two people have one conversation, and all is written there.
  const size = { users: 2, groups: 0, messages };
  return withSeededDatabase(size, say, async ({ connection, models, db }, plan) => {
    const store = createMessageStore(connection, withoutCaches());
    const collection = db.collection<MessageRecord>(models.messages.collection.collectionName);
    const conversationId = plan.conversations[0]?._id ?? '';
    const keyset = (depth: number): Promise<MessageRecord[]> =>
      store.newestBefore(conversationId, messages - depth + 2, 0, PAGE);
    const skip = (depth: number): Promise<MessageRecord[]> =>
      collection
        .find({ conversationId })
        .sort({ seq: -1 })
        .skip(depth - 1)
        .limit(PAGE)
        .toArray();
    const times = depths.map((depth) => ({ depth, parley: [] as number[], skip: [] as number[] }));
    for (const { depth } of times) await requireSame(keyset, skip, depth);
    for (let round = 0; round <= ROUNDS; round++) {
      say(round === 0 ? 'warming up' : `round ${round} of ${ROUNDS}`);
      const parley = await inTurn(depths, keyset, REPETITIONS);
      const skipped = await inTurn(depths, skip, SKIP_REPETITIONS);
      if (round === 0) continue;
      for (const [index, figures] of times.entries()) {
        figures.parley.push(parley[index] as number);
        figures.skip.push(skipped[index] as number);
      }
    }
    const medians = times.map((figures) => ({
      depth: figures.depth,
      parleyMs: median(figures.parley),
      skipMs: median(figures.skip),
    }));
    const ratio = (of: 'parleyMs' | 'skipMs'): number =>
      (medians.at(-1)?.[of] ?? Number.NaN) / (medians[0]?.[of] ?? Number.NaN);
    return {
      messages,
      depths: medians,
      deepestOverFirst: ratio('parleyMs'),
      skipDeepestOverFirst: ratio('skipMs'),
    };
  });
}

type Read = (depth: number) => Promise<MessageRecord[]>;

/** Otherwise the two would not be comparable. */
async function requireSame(keyset: Read, skip: Read, depth: number): Promise<void> {
  const ids = async (read: Read) =>
    (await read(depth))
      .map(({ _id }) => _id)
      .sort()
      .join();
  const [ours, theirs] = [await ids(keyset), await ids(skip)];
  if (ours !== theirs || ours === '') throw new Error(`the pages at depth ${depth} differ`);
}

/**
 * The median of so many reads at each depth, in milliseconds: one at each in turn, so that what
 * else the machine does meets all alike.
 */
async function inTurn(depths: number[], read: Read, repetitions: number): Promise<number[]> {
  const times = depths.map(() => [] as number[]);
  for (let repetition = 0; repetition < repetitions; repetition++) {
    for (const [index, depth] of depths.entries()) {
      const startedAt = performance.now();
      await read(depth);
      times[index]?.push(performance.now() - startedAt);
    }
  }
  return times.map(median);
}
