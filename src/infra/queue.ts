/**
 * One Bull queue per instance, consumed by that instance alone. Two consumers of one queue
 * would reorder jobs; a queue of one's own cannot.
 *
 * Jobs are removed as soon as they are done or failed: message texts do not linger in Redis.
 * `add` has a limit of its own, because Bull's waits for ever on a Redis that hangs.
 */
import Bull from 'bull';
import { withLimit } from './lifecycle.ts';
import type { Logger } from './logger.ts';
import { type RedisLink, redisShortcomings } from './redis.ts';

const ADD_MS = 150;
/** Jobs under way at once; the writer behind them joins what arrives together. */
const CONCURRENCY = 4;

const queueName = (instanceId: string): string => `messages-${instanceId}`;

export interface InstanceQueue<T> {
  /** Puts a job into an instance's queue; throws within 150 ms when Redis does not take it. */
  add(instanceId: string, data: T): Promise<void>;
  /** Drops what an instance that left has left behind: nobody waits for it any more. */
  remove(instanceId: string): Promise<void>;
  close(): Promise<void>;
}

export function createInstanceQueue<T>(deps: {
  instanceId: string;
  namespace: string;
  redis: RedisLink;
  process: (data: T) => Promise<void>;
  log: Logger;
}): InstanceQueue<T> {
  const { redis, log } = deps;
  const client = redis.connectForQueue('client');
  const queues = new Map<string, Bull.Queue<T>>();
  const prefix = `${deps.namespace}:bull`;

  function open(instanceId: string): Bull.Queue<T> {
    const known = queues.get(instanceId);
    if (known !== undefined) return known;
    const queue = new Bull<T>(queueName(instanceId), {
      prefix,
      createClient: (kind) => (kind === 'client' ? client : redis.connectForQueue(kind)),
      settings: { lockDuration: 2_000, stalledInterval: 1_000, retryProcessDelay: 200 },
      defaultJobOptions: { attempts: 1, removeOnComplete: true, removeOnFail: true },
    });
    queue.on('error', (error) => log.debug({ err: error }, 'queue error'));
    queues.set(instanceId, queue);
    return queue;
  }

  const own = open(deps.instanceId);
  own
    .process(CONCURRENCY, (job) => deps.process(job.data))
    .catch((error: unknown) => {
      log.error({ err: error }, 'the queue worker ended; messages go the direct way');
    });
  own.on('failed', (job, error) => log.error({ err: error, job: job.id }, 'a message job failed'));
  void client.once('ready', () => {
    void redisShortcomings(client).then((found) => {
      for (const shortcoming of found) log.warn({ shortcoming }, 'Redis is not set up for a queue');
    });
  });

  return {
    add: async (instanceId, data) => {
      await withLimit(open(instanceId).add(data), ADD_MS, 'adding a job to the queue');
    },
    remove: async (instanceId) => {
      queues.delete(instanceId);
      // Not Bull's obliterate: it wants a paused queue, and an instance that only hung would
      // find its own queue paused when it comes back.
      let cursor = '0';
      do {
        const [next, keys] = await client.scan(
          cursor,
          'MATCH',
          `${prefix}:${queueName(instanceId)}:*`,
          'COUNT',
          1_000,
        );
        cursor = next;
        if (keys.length > 0) await client.unlink(...keys);
      } while (cursor !== '0');
    },
    close: async () => {
      // Waits for the jobs under way; their senders wait for the answers.
      await withLimit(own.close(), 5_000, 'closing the queue worker');
    },
  };
}
