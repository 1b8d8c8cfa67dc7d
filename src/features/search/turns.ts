/** Work in small turns, one at a time, with rests that bound its share of the time. */
import type { Logger } from '../../infra/logger.ts';
import type { QueuedWork } from '../../infra/queued-work.ts';

const RETRY_MS = 1_000;

export interface Turns {
  /** There is work: the next turn begins within `delayMs`, unless one is due or under way. */
  wake(): void;
  isUnderWay(): boolean;
  /** No turn any more; resolves when the last one is over. */
  stop(): Promise<void>;
}

export function createTurns(deps: {
  /** Each turn is a job of it. */
  queuedWork: Pick<QueuedWork, 'run'>;
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
  let isUnderWay = false;
  let last = 0;
  let lastTurn: Promise<void> = Promise.resolve();
  let closed = false;

  function schedule(ms: number): void {
    if (closed || timer !== undefined || isUnderWay || deps.isIdle()) return;
    timer = setTimeout(() => {
      timer = undefined;
      lastTurn = take(++last);
    }, ms);
  }

  async function take(turn: number): Promise<void> {
    isUnderWay = true;
    const share = deps.share();
    let rest = RETRY_MS;
    try {
      await deps.queuedWork.run(String(turn), async () => {
        const beganAt = performance.now();
        const least = await deps.work();
        const took = performance.now() - beganAt;
        rest = Math.max(took / share - took, least);
      });
    } catch (error) {
      log.warn({ err: error }, 'terms of messages were not written; trying again');
    } finally {
      isUnderWay = false;
      schedule(rest);
    }
  }

  return {
    wake: () => schedule(deps.delayMs),
    isUnderWay: () => isUnderWay,
    stop: async () => {
      closed = true;
      clearTimeout(timer);
      await lastTurn;
    },
  };
}
