/**
 * Work on uploaded pictures, as jobs of this instance's own Bull queue: decoding is heavy, and a
 * queue takes few at a time however many come at once. Who uploaded waits for it, so a job
 * carries an id only; one that outlives its process is nobody's, and the upload is made again.
 * Without Redis, or when it does not begin a job in time, the work is done at once.
 */
import { AppError, unavailable } from '../../errors.ts';
import { TimeLimitError, withLimit } from '../../infra/lifecycle.ts';
import type { Logger } from '../../infra/logger.ts';
import type { InstanceQueue } from '../../infra/queue.ts';

/** What a job of the queue carries. */
export interface ImageJob {
  attachmentId: string;
}

/** Until a job has to have begun, where no other one is under way. */
const BEGIN_MS = 2_000;
/** Decoding and encoding have limits of their own; this one is for waiting in line, too. */
const ANSWER_MS = 60_000;

export interface ImageJobs {
  /** Resolves when the work on an attachment is done; rejects with what it throws, or unavailable. */
  run(attachmentId: string): Promise<void>;
  /** What the queue calls. */
  process(job: ImageJob): Promise<void>;
}

/** @param deps.work on one attachment; `image.ts` bounds how much of it is done at once */
export function createImageJobs(deps: {
  queue: () => InstanceQueue<ImageJob> | undefined;
  queueAvailable: () => boolean;
  instanceId: string;
  work: (attachmentId: string) => Promise<void>;
  log: Logger;
}): ImageJobs {
  /** By attachment: begins the work, or joins it. */
  const waiting = new Map<string, () => Promise<void>>();
  let jobsUnderWay = 0;

  async function throughQueue(queue: InstanceQueue<ImageJob>, attachmentId: string): Promise<void> {
    let work: Promise<void> | undefined;
    let timer: NodeJS.Timeout | undefined;
    const done = new Promise<void>((resolve, reject) => {
      const begin = (): Promise<void> => {
        work ??= deps.work(attachmentId);
        work.then(resolve, reject);
        return work;
      };
      const beginAtLast = (): void => {
        if (work !== undefined) return;
        // A queue that works on others has its turn for this one, too.
        if (jobsUnderWay > 0 && deps.queueAvailable()) timer = setTimeout(beginAtLast, BEGIN_MS);
        else begin().catch(() => undefined);
      };
      waiting.set(attachmentId, begin);
      timer = setTimeout(beginAtLast, BEGIN_MS);
      queue.add(deps.instanceId, { attachmentId }).catch((error: unknown) => {
        deps.log.debug({ err: error, attachmentId }, 'work on a picture is done without the queue');
        begin().catch(() => undefined);
      });
    });
    try {
      await done;
    } finally {
      clearTimeout(timer);
      waiting.delete(attachmentId);
    }
  }

  return {
    run: async (attachmentId) => {
      const queue = deps.queueAvailable() ? deps.queue() : undefined;
      const done =
        queue === undefined ? deps.work(attachmentId) : throughQueue(queue, attachmentId);
      try {
        await withLimit(done, ANSWER_MS, 'the work on a picture');
      } catch (error) {
        if (!(error instanceof TimeLimitError)) throw error;
        throw unavailable('Too many pictures are being processed. Please try again.', error);
      }
    },
    process: async ({ attachmentId }) => {
      jobsUnderWay++;
      try {
        await waiting.get(attachmentId)?.();
      } catch (error) {
        // Who uploaded is told; a picture that cannot be read is no failure of the queue.
        if (!(error instanceof AppError)) throw error;
      } finally {
        jobsUnderWay--;
      }
    },
  };
}
