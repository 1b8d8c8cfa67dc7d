/**
 * Each hot query, as its store issues it, with the index that MongoDB chooses and reading the
 * whole collection. Compared are round trips less that of a ping, because on a loopback the way
 * there and back takes longer than most look-ups; what is left is counted as 0.02 ms at least.
 */
import type { mongo } from 'mongoose';
import { withoutIndexes } from '../indexes/explain.ts';
import { captureHotQueries } from '../indexes/hot-queries.ts';
import { type Report, type RunOptions, verdict } from './report.ts';
import { type DataSize, withSeededDatabase } from './seeded.ts';
import { median } from './send.ts';

/** How much faster a query has to be with its index. */
const FLOOR = 10;
const LEAST_MS = 0.02;
const REPETITIONS = 100;

export interface IndexFigures {
  query: string;
  /** Less a ping, the median of the rounds, as the next one. */
  withIndexMs: number;
  withoutIndexMs: number;
  gain: number;
}

export interface IndexesResult {
  size: DataSize;
  pingMs: number;
  queries: IndexFigures[];
}

export async function reportIndexes({ say, ...options }: RunOptions): Promise<Report> {
  const result = await benchIndexes(options, say);
  const { messages, users, groups } = result.size;
  return {
    met: result.queries.every(({ gain }) => gain >= FLOOR),
    figures: result,
    lines: [
      ...result.queries.map(({ query, withIndexMs, withoutIndexMs, gain }) => {
        const times = `${withIndexMs.toFixed(2)} ms, without its index ${withoutIndexMs.toFixed(1)} ms`;
        const missed = gain < FLOOR ? `  ${verdict(false, `${FLOOR} ×`)}` : '';
        return `${query.padEnd(28)} ${times}: ${gain.toFixed(0)} ×${missed}`;
      }),
      `on ${messages} messages, ${users} users, ${groups} groups`,
      `each without the time of a ping, ${result.pingMs.toFixed(2)} ms`,
    ],
  };
}

/** @param say gets a line of progress. */
function benchIndexes(
  { quick }: { quick: boolean },
  say: (line: string) => void,
): Promise<IndexesResult> {
  const size = quick
    ? { users: 1_000, groups: 100, messages: 20_000 }
    : { users: 10_000, groups: 1_000, messages: 1_000_000 };
  const rounds = quick ? 1 : 3;
  return withSeededDatabase(size, say, async ({ db, uri }) => {
    const pings: number[] = [];
    const queries: IndexFigures[] = [];
    for (const { name, command } of await captureHotQueries(uri)) {
      say(name);
      const slow = withoutIndexes(command);
      const times = { ping: [] as number[], with: [] as number[], without: [] as number[] };
      // What runs for the first time is planned and read from disk.
      for (const warm of [command, slow]) await db.command(warm);
      for (let round = 0; round < rounds; round++) {
        const [ping, fast] = await inTurn(db, [{ ping: 1 }, command], REPETITIONS);
        times.ping.push(ping as number);
        times.with.push(fast as number);
        times.without.push((await inTurn(db, [slow], 3))[0] as number);
      }
      const ping = median(times.ping);
      const net = (all: number[]): number => Math.max(median(all) - ping, LEAST_MS);
      const [withIndexMs, withoutIndexMs] = [net(times.with), net(times.without)];
      pings.push(ping);
      queries.push({
        query: name,
        withIndexMs,
        withoutIndexMs,
        gain: withoutIndexMs / withIndexMs,
      });
    }
    return { size, pingMs: median(pings), queries };
  });
}

/**
 * The median of so many round trips of each command, in milliseconds: one of each in turn, so that
 * what else the machine does meets all alike.
 */
async function inTurn(
  db: mongo.Db,
  commands: mongo.Document[],
  repetitions: number,
): Promise<number[]> {
  const times = commands.map(() => [] as number[]);
  for (let repetition = 0; repetition < repetitions; repetition++) {
    for (const [index, command] of commands.entries()) {
      const startedAt = performance.now();
      await db.command(command);
      times[index]?.push(performance.now() - startedAt);
    }
  }
  return times.map(median);
}
