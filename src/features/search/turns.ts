/**
 * Work in small turns, each by a job of the instance's own Bull queue, with rests that bound its
 * share of the time. What a turn is about is in the memory of the only process that could do it, so
 * the job is only its number; without Redis, or when the queue does not answer, it is done directly.
 */
import { TimeLimitError, withLimit } from '../../infra/lifecycle.ts';
import type { Logger } from '../../infra/logger.ts';
import type { InstanceQueue } from '../../infra/queue.ts';

/** The content of a job. */
export interface SearchJob {
  turn: number;
}

/** A job that has not begun by then is done directly, and the queue is left alone for a while. */
const BEGIN_MS = 1_000;
const QUEUE_PAUSE_MS = 5_000;
const RETRY_MS = 1_000;

export interface Turns {
  /** There is work: the next turn begins within `delayMs`, unless one is due or under way. */
  wake(): void;
  /** A job of the own queue. */
  process(job: SearchJob): Promise<void>;
  isUnderWay(): boolean;
  /** No turn any more; resolves when the last one is over. */
  stop(): Promise<void>;
}

export function createTurns(deps: {
  instanceId: string;
  /** undefined: the application runs without Redis. */
  queue: () => Pick<InstanceQueue<SearchJob>, 'add'> | undefined;
  queueAvailable: () => boolean;
  /** One turn. @returns how long to rest at least, in milliseconds */
  work: () => Promise<number>;
  /** The share of the time that turns may take from now on. */
  share: () => number;
  isIdle: () => boolean;
  delayMs: number;
  log: Logger;
}): Turns {
  const { log } = deps;
  let timer: NodeJS.Timeout | undefined;
  /** Under way; its job may begin it once. */
  let current: { turn: number; begin: () => Promise<void> } | undefined;
  let last = 0;
  let underWay: Promise<void> = Promise.resolve();
  let queuePausedUntil = 0;
  let closed = false;

  function schedule(ms: number): void {
    if (closed || timer !== undefined || current !== undefined || deps.isIdle()) return;
    timer = setTimeout(() => {
      timer = undefined;
      underWay = take(++last);
    }, ms);
  }

  async function take(turn: number): Promise<void> {
    const share = deps.share();
    let rest = RETRY_MS;
    try {
      await viaQueue(turn, async () => {
        const beganAt = performance.now();
        const least = await deps.work();
        const took = performance.now() - beganAt;
        rest = Math.max(took / share - took, least);
      });
    } catch (error) {
      log.warn({ err: error }, 'terms of messages were not written; trying again');
    } finally {
      current = undefined;
      schedule(rest);
    }
  }

  /** Runs the work once: when the job begins, or here when it does not. */
  async function viaQueue(turn: number, run: () => Promise<void>): Promise<void> {
    const queue = deps.queue();
    let begun: Promise<void> | undefined;
    let onBegun: () => void = () => undefined;
    const waited = new Promise<void>((resolve) => {
      onBegun = resolve;
    });
    const begin = (): Promise<void> => {
      begun ??= run();
      onBegun();
      // Its failure is told below, and is not the job's.
      return begun.catch(() => undefined);
    };
    current = { turn, begin };
    if (queue !== undefined && deps.queueAvailable() && performance.now() >= queuePausedUntil) {
      try {
        await queue.add(deps.instanceId, { turn });
        await withLimit(waited, BEGIN_MS, 'a job of the search');
      } catch (error) {
        queuePausedUntil = performance.now() + QUEUE_PAUSE_MS;
        const reason = error instanceof TimeLimitError ? error.message : String(error);
        log.warn({ reason }, 'the queue of the search does not answer; writing terms directly');
      }
    }
    void begin();
    await begun;
  }

  return {
    wake: () => schedule(deps.delayMs),
    process: async ({ turn }) => {
      // Of before: it was done directly meanwhile.
      if (current?.turn === turn) await current.begin();
    },
    isUnderWay: () => current !== undefined,
    stop: async () => {
      closed = true;
      clearTimeout(timer);
      await underWay;
    },
  };
}
