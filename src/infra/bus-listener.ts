/**
 * Hears what other instances write to the collection of the bus.
 *
 * By a change stream, which hears everything within milliseconds and misses nothing. It has its
 * price: MongoDB shows it every message that anybody stores, which is a tenth of what storing one
 * costs there. An instance that is alone and has Redis need not pay that: it closes the stream,
 * looks into the collection twice a second and opens the stream again, from the look before the last,
 * as soon as there is a word, anybody else is heard of or Redis is gone. Words of its own count:
 * whoever announced something may not have learned that it was committed.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type mongoose from 'mongoose';
import { withLimit } from './lifecycle.ts';
import type { Logger } from './logger.ts';

export interface BusListener {
  /** Resolves when everything that is written from now on will be heard. */
  start(): Promise<void>;
  /** Somebody else is there, or Redis is not: no rest, and an end of the one there is. */
  wake(): void;
  /** Whether words arrive. */
  healthy(): boolean;
  close(): Promise<void>;
}

const OPEN_MS = 10_000;
const REOPEN_MS = 500;
/** Well below the connection's limit for an answer. */
const AWAIT_MS = 1_000;
const LOOK_MS = 500;
/** Without a look for so long it is not known whether there are words. */
const LOOK_OVERDUE_MS = 2_000;
/**
 * How far back a look goes, and how long an instance is alone before it rests. Longer than MongoDB
 * keeps a transaction open (60 s; its word bears the time of its beginning) and clocks may differ.
 */
const LOOK_BACK_MS = 90_000;

/** How far MongoDB was, and when (performance.now()). */
interface Look {
  at: number;
  operationTime: mongoose.mongo.Timestamp;
}

/**
 * @param deps.mayRest whether this instance is alone and reachable without the stream.
 * @param deps.restAfterMs how long it must have been, instead of 90 s.
 */
export function createBusListener<Word>(deps: {
  client: mongoose.mongo.MongoClient;
  collection: mongoose.mongo.Collection;
  mayRest: () => boolean;
  receive: (word: Word) => Promise<void>;
  /** Words may have been missed. */
  onGap: () => Promise<void>;
  restAfterMs?: number;
  log: Logger;
}): BusListener {
  const { collection, log } = deps;
  const restAfterMs = deps.restAfterMs ?? LOOK_BACK_MS;
  let stream: mongoose.mongo.ChangeStream | undefined;
  let listening: Promise<void> = Promise.resolve();
  let streaming = false;
  let opened = false;
  let closed = false;
  /** Of the last word, or sign of somebody else; performance.now(). */
  let company = performance.now();
  /** The last look, which found nothing. */
  let latest: Look | undefined;
  /**
   * The look before it: from there a stream misses nothing. What is committed while a look is under
   * way may be older than the time that MongoDB tells with its answer, and is not seen by it; the
   * next look sees it.
   */
  let looked: Look | undefined;
  let endRest: AbortController | undefined;

  const mayRest = (): boolean =>
    deps.mayRest() && performance.now() - company > restAfterMs && !closed;

  /** @returns whether there are no words, of which two looks have to be sure. */
  async function findsNothing(): Promise<boolean> {
    const session = deps.client.startSession();
    try {
      const since = new Date(Date.now() - LOOK_BACK_MS);
      const word = await collection.findOne(
        { at: { $gt: since } },
        { session, projection: { _id: 1 } },
      );
      const { operationTime } = session;
      if (word !== null || operationTime === undefined) {
        latest = undefined;
        return false;
      }
      looked = latest ?? looked;
      latest = { at: performance.now(), operationTime };
      return looked !== undefined;
    } finally {
      await session.endSession();
    }
  }

  /** The stream goes on, and it is looked again. */
  function putOff(error: unknown): boolean {
    log.debug({ err: error }, 'the bus could not look for words; its change stream stays open');
    return false;
  }

  /** Looks now and then, until somebody is there. The first looks were before the stream's end. */
  async function rest(): Promise<void> {
    const ending = new AbortController();
    endRest = ending;
    try {
      while (mayRest() && !ending.signal.aborted) {
        await delay(LOOK_MS, undefined, { signal: ending.signal }).catch(() => undefined);
        if (!mayRest() || ending.signal.aborted || !(await findsNothing())) break;
      }
    } catch (error) {
      log.warn({ err: error }, 'the bus could not look for words; opening its change stream');
    } finally {
      endRest = undefined;
      company = performance.now();
    }
  }

  async function readStream(onOpen: () => void): Promise<'rest' | 'end'> {
    const from = looked;
    const reading = collection.watch([{ $match: { operationType: 'insert' } }], {
      maxAwaitTimeMS: AWAIT_MS,
      ...(from === undefined ? {} : { startAtOperationTime: from.operationTime }),
    });
    stream = reading;
    try {
      // A stream delivers from the moment the server has opened its cursor.
      let change = await withLimit(reading.tryNext(), OPEN_MS, 'opening the bus').finally(() => {
        // Also when it failed: where the looks ended may be what MongoDB has no more.
        [looked, latest] = [undefined, undefined];
      });
      streaming = true;
      if (opened && from === undefined) await deps.onGap();
      opened = true;
      onOpen();
      while (!closed) {
        if (change?.operationType === 'insert') {
          company = performance.now();
          await deps.receive(change.fullDocument as unknown as Word);
        }
        // `tryNext` would say for ever that there is nothing yet.
        else if (reading.closed) throw new Error('the change stream ended');
        // Else a rest in an hour would begin, and a broken stream go on, with what is long past.
        else if (!mayRest()) [looked, latest] = [undefined, undefined];
        // Looking before the stream is closed leaves no time in which nobody listens.
        else if (await findsNothing().catch(putOff)) return 'rest';
        change = await reading.tryNext();
      }
      return 'end';
    } finally {
      streaming = false;
      // Also when the collection was dropped: the stream then ends without an error.
      await reading.close().catch(() => undefined);
    }
  }

  async function listen(onOpen: () => void): Promise<void> {
    while (!closed) {
      try {
        if ((await readStream(onOpen)) === 'rest') await rest();
      } catch (error) {
        if (closed) return;
        log.warn({ err: error }, 'the bus does not hear MongoDB; opening its change stream again');
        await delay(REOPEN_MS);
      }
    }
  }

  return {
    start: () =>
      withLimit(
        new Promise<void>((resolve) => {
          listening = listen(resolve);
        }),
        OPEN_MS,
        'opening the change stream of the bus',
      ),
    wake: () => {
      company = performance.now();
      endRest?.abort();
    },
    healthy: () =>
      streaming || (latest !== undefined && performance.now() - latest.at < LOOK_OVERDUE_MS),
    close: async () => {
      closed = true;
      endRest?.abort();
      await stream?.close();
      await listening;
    },
  };
}
