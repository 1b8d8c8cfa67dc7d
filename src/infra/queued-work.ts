/**
 * Work that is better taken in turn, as jobs of the instance's own Bull queue. What it is about is
 * in the memory of the only process that can do it, so a job is only an id, and one that outlives
 * its process is nobody's. Without Redis, or when the queue does not begin a job in time, the work
 * is done directly.
 */
import { withLimit } from './lifecycle.ts';
import type { Logger } from './logger.ts';
import type { InstanceQueue } from './queues.ts';

/** Until a job has to have begun, where no other one is under way. */
const BEGIN_MS = 1_000;
/** So often it has its turn while others are under way; a job may have been lost. */
const TURNS_MAX = 10;
/** After the queue was too slow once, work is done directly for so long. */
const PAUSE_MS = 5_000;

/** What a job carries. */
export interface QueuedJob {
  id: string;
}

export interface QueuedWork {
  /**
   * Runs the work once, and resolves or rejects as it does.
   * @param id of this work alone while it is under way
   */
  run(id: string, work: () => Promise<void>): Promise<void>;
  /** Consumes a job of the instance's queue. */
  process(job: QueuedJob): Promise<void>;
}

/** @param deps.queue undefined: the application runs without Redis, or has not opened it yet */
export function createQueuedWork(deps: {
  queue: () => Pick<InstanceQueue<QueuedJob>, 'add'> | undefined;
  queueAvailable: () => boolean;
  instanceId: string;
  log: Logger;
}): QueuedWork {
  /** Begins the work, or joins it. */
  const waiting = new Map<string, () => Promise<void>>();
  let jobsUnderWay = 0;
  let pausedUntil = 0;

  async function untilBegun(begun: Promise<void>): Promise<void> {
    for (let turn = 1; ; turn++) {
      try {
        return await withLimit(begun, BEGIN_MS, 'waiting for a job to begin');
      } catch (error) {
        // A queue that works on others has its turn for this one, too.
        const mayWait = jobsUnderWay > 0 && deps.queueAvailable() && turn < TURNS_MAX;
        if (!mayWait) throw error;
      }
    }
  }

  async function throughQueue(
    queue: Pick<InstanceQueue<QueuedJob>, 'add'>,
    id: string,
    work: () => Promise<void>,
  ): Promise<void> {
    let result: Promise<void> | undefined;
    let onBegun: () => void = () => undefined;
    const begun = new Promise<void>((resolve) => {
      onBegun = resolve;
    });
    const begin = (): Promise<void> => {
      onBegun();
      result ??= work();
      return result;
    };
    waiting.set(id, begin);
    try {
      await queue.add(deps.instanceId, { id });
      await untilBegun(begun);
    } catch (error) {
      pausedUntil = performance.now() + PAUSE_MS;
      const reason = error instanceof Error ? error.message : String(error);
      deps.log.warn({ reason, id }, 'a queue does not answer; going on without it for a while');
    }
    try {
      await begin();
    } finally {
      waiting.delete(id);
    }
  }

  return {
    run: (id, work) => {
      const queue = deps.queue();
      const usesQueue = deps.queueAvailable() && performance.now() >= pausedUntil;
      return queue !== undefined && usesQueue ? throughQueue(queue, id, work) : work();
    },
    process: async ({ id }) => {
      jobsUnderWay++;
      try {
        // Whoever waits for the work is told of its failure; the queue did its part.
        await waiting
          .get(id)?.()
          .catch(() => undefined);
      } finally {
        jobsUnderWay--;
      }
    },
  };
}
