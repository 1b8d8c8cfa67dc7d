/**
 * Reads that a secondary of the replica set may answer, without showing anybody less than the
 * primary would have.
 *
 * Each asks the primary for its time first, by the smallest command there is, and a secondary's
 * answer counts only when that has all that the primary had then (`afterClusterTime`, which the
 * driver sends in a causally consistent session). So whatever was acknowledged, or told by another
 * instance, before the reading began is in it, and the caches need not know who answered.
 * Read concern majority, because a former primary may have come to that time by a history of its
 * own, which it has not undone yet.
 *
 * Known limits: the primary still has one small command for each reading; and a secondary that
 * lags or halts costs a reading up to a second before the primary is asked instead.
 */
import type { Connection, mongo } from 'mongoose';
import { withLimit } from './lifecycle.ts';
import type { Logger } from './logger.ts';

/** How long a secondary may wait for what it lacks; then it says so itself. */
const LAG_MS = 800;
/** For the whole attempt: a secondary that is halted says nothing. */
const ATTEMPT_MS = 1_000;
/** After an attempt that failed all is read from the primary for so long. */
const REST_MS = 10_000;

/** How a reading was answered; `resting`: by the primary, because an attempt had failed before. */
export type SecondaryReadResult = 'answered' | 'failed' | 'resting';

/** To be handed to the driver with a `find`. */
export type ReadOptions = Pick<
  mongo.FindOptions,
  'session' | 'readPreference' | 'readConcern' | 'maxTimeMS'
>;

/** Runs a reading; the work is done again when a first attempt failed. */
export type Read = <T>(work: (options: ReadOptions) => Promise<T>) => Promise<T>;

/** Whatever the connection says, which is the primary: no session, no further command. */
export const readPrimary: Read = (work) => work({});

/** Readings from secondaries where there are any, else and after a failure from the primary. */
export function createSecondaryReads(deps: {
  connection: Connection;
  count: (result: SecondaryReadResult) => void;
  log: Logger;
}): Read {
  const { connection, count, log } = deps;
  let restUntil = 0;
  /** After a rest one reading finds out for all whether secondaries answer again. */
  let isProbing = false;

  async function ask<T>(session: mongo.ClientSession, work: (options: ReadOptions) => Promise<T>) {
    // Its answer carries the primary's time, which the session keeps.
    await connection.db?.command({ ping: 1 }, { session, readPreference: 'primary' });
    if (session.operationTime === undefined) throw new Error('the primary did not tell its time');
    return work({
      session,
      readPreference: 'secondaryPreferred',
      readConcern: { level: 'majority' },
      maxTimeMS: LAG_MS,
    });
  }

  /** @throws whatever the work throws; TimeLimitError after a second */
  function attempt<T>(work: (options: ReadOptions) => Promise<T>): Promise<T> {
    const session = connection.getClient().startSession({ causalConsistency: true });
    // Its own end may come later, by the limits of the connection. There is no signal to end it
    // by, because the driver then leaves operations that wait for a connection out of its events.
    const done = ask(session, work).finally(() => session.endSession());
    return withLimit(done, ATTEMPT_MS, 'a reading from a secondary');
  }

  return async (work) => {
    if (performance.now() < restUntil || isProbing) {
      count('resting');
      return work({});
    }
    const probes = restUntil > 0;
    isProbing = probes;
    try {
      const found = await attempt(work);
      restUntil = 0;
      count('answered');
      return found;
    } catch (error) {
      count('failed');
      // Of many readings that fail together one is enough to know of.
      if (performance.now() >= restUntil) {
        log.warn({ err: error, restMs: REST_MS }, 'a secondary did not answer; asking the primary');
      }
      restUntil = performance.now() + REST_MS;
      return work({});
    } finally {
      if (probes) isProbing = false;
    }
  };
}
