/**
 * Looks for what has changed in the database, a few times a second, so that copies are never
 * older than that, whatever becomes of the words between instances. Each look is one indexed
 * query per source, however many copies there are, and finds nothing when nothing happens.
 *
 * It goes by the database's clock, which may have been wrong: what carries a time yet to come is
 * neither taken for the latest change nor looked at.
 */
import type { Logger } from './logger.ts';

const EVERY_MS = 500;
/** Copies are trusted for so long after a look began. */
const TRUST_MS = 1_500;
/** Writes become visible out of the order of their times; so much is looked at again. */
const OVERLAP_MS = 1_000;
/** Clocks of a replica set's members differ by less; what is further ahead is of a wrong one. */
export const AHEAD_MS = 10_000;
const CHANGES_PER_READ = 5_000;

export interface ChangeSource {
  /** For the log. */
  name: string;
  /**
   * Passes on what changed from one time of the database's clock to another, both included, the
   * oldest change first, at most `limit`; resolves with how many there were and the time of the
   * last.
   */
  look(since: Date, until: Date, limit: number): Promise<{ count: number; last?: Date }>;
  /** The time of the latest change there is; undefined without any. */
  latest(): Promise<Date | undefined>;
}

export interface ChangePoll {
  start(): Promise<void>;
  /** Whether the last look is recent enough for copies to be used. */
  trusted(): boolean;
  close(): Promise<void>;
}

/** @param databaseNow asks what the database's clock says */
export function createChangePoll(
  sources: ChangeSource[],
  databaseNow: () => Promise<Date>,
  log: Logger,
): ChangePoll {
  /** Of each source the time of the latest change that was seen, and when it was first seen. */
  const cursors = new Map<ChangeSource, { newest: Date; seenAt: number }>();
  /** The database's time of the last look at each source that brought everything until then. */
  const looked = new Map<ChangeSource, Date>();
  let lookedAt = Number.NEGATIVE_INFINITY;
  let timer: NodeJS.Timeout | undefined;
  let looking: Promise<void> | undefined;

  function moveTo(source: ChangeSource, newest: Date): void {
    cursors.set(source, { newest, seenAt: performance.now() });
  }

  async function lookAt(source: ChangeSource, now: Date): Promise<void> {
    // Changes to come are before it, and those since the last look, which may be long ago.
    if ((cursors.get(source)?.newest ?? now) > now) {
      const last = looked.get(source) ?? now;
      moveTo(source, last < now ? last : now);
    }
    const until = new Date(now.getTime() + AHEAD_MS);
    for (let since = beginningOf(cursors.get(source)); ; ) {
      const { count, last } = await source.look(since, until, CHANGES_PER_READ);
      if (last !== undefined && last > (cursors.get(source)?.newest ?? new Date(0))) {
        moveTo(source, last);
      }
      if (count < CHANGES_PER_READ || last === undefined) break;
      // Going on from there would bring the same again.
      if (last <= since) throw new Error(`${source.name}: too many changes at one moment`);
      since = last;
    }
    looked.set(source, now);
  }

  async function look(): Promise<void> {
    const startedAt = performance.now();
    try {
      const now = await databaseNow();
      await Promise.all(sources.map((source) => lookAt(source, now)));
      lookedAt = startedAt;
    } catch (error) {
      log.warn({ err: error }, 'changes could not be looked for; copies are not used meanwhile');
    }
  }

  /** What is older than the latest change may come for a while after it was seen. */
  function beginningOf(cursor: { newest: Date; seenAt: number } | undefined): Date {
    if (cursor === undefined) return new Date(0);
    const left = OVERLAP_MS - (performance.now() - cursor.seenAt);
    return new Date(cursor.newest.getTime() + (left > 0 ? -OVERLAP_MS : 1));
  }

  return {
    start: async () => {
      for (const source of sources) {
        const latest = await source.latest();
        if (latest !== undefined) moveTo(source, latest);
      }
      await look();
      timer = setInterval(() => {
        looking ??= look().finally(() => {
          looking = undefined;
        });
      }, EVERY_MS);
    },
    trusted: () => performance.now() - lookedAt < TRUST_MS,
    close: async () => {
      clearInterval(timer);
      await looking;
    },
  };
}
