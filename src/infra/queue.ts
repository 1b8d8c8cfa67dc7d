/**
 * Bull queues of an instance, each consumed by that instance alone. Two consumers of one queue
 * would reorder jobs; a queue of one's own cannot.
 *
 * Jobs are removed as soon as they are done or failed: message texts do not linger in Redis.
 * `add` has a limit of its own, because Bull's waits for ever on a Redis that hangs.
 */
import Bull from 'bull';
import type { Cluster } from './cluster.ts';
import { withLimit } from './lifecycle.ts';
import type { Logger } from './logger.ts';
import { type RedisLink, redisShortcomings } from './redis.ts';

const ADD_MS = 150;
/**
 * From look to look at whose queues there are. Longer than a job's own limit, and than it takes
 * until an instance that starts, or one that this one lost sight of, is known by its heartbeats.
 */
const LEFTOVERS_MS = 5_000;
const KEYS_PER_SCAN = 1_000;

export type QueueName = 'messages' | 'images' | 'search';

export interface InstanceQueue<T> {
  /** Puts a job into an instance's queue; throws within 150 ms when Redis does not take it. */
  add(instanceId: string, data: T): Promise<void>;
  /** The queues of all live instances, by the instance's id; to be looked at only. */
  everyone(): Map<string, Bull.Queue<T>>;
  /** Jobs of the own queue by state; throws within 150 ms when Redis does not tell. */
  counts(): Promise<Record<string, number>>;
  close(): Promise<void>;
}

/**
 * Opens the instance's own queue of a kind, and from then on removes those of instances that are
 * gone.
 */
export function createInstanceQueue<T>(deps: {
  /** Before the instance's id in the queue's name. */
  name: QueueName;
  /** Jobs under way at once. */
  concurrency: number;
  cluster: Pick<Cluster, 'instanceId' | 'peers' | 'onLeave'>;
  namespace: string;
  redis: RedisLink;
  process: (data: T) => Promise<void>;
  log: Logger;
}): InstanceQueue<T> {
  const { cluster, redis, log } = deps;
  const client = redis.connectForQueue('client');
  const queues = new Map<string, Bull.Queue<T>>();
  const prefix = `${deps.namespace}:bull`;
  const nameOf = (instanceId: string): string => `${deps.name}-${instanceId}`;

  function open(instanceId: string): Bull.Queue<T> {
    const known = queues.get(instanceId);
    if (known !== undefined) return known;
    const queue = new Bull<T>(nameOf(instanceId), {
      prefix,
      createClient: (kind) => (kind === 'client' ? client : redis.connectForQueue(kind)),
      settings: { lockDuration: 2_000, stalledInterval: 1_000, retryProcessDelay: 200 },
      defaultJobOptions: { attempts: 1, removeOnComplete: true, removeOnFail: true },
    });
    queue.on('error', (error) => log.debug({ err: error }, 'queue error'));
    queues.set(instanceId, queue);
    return queue;
  }

  const own = open(cluster.instanceId) as Bull.Queue<T> & { setWorkerName(): Promise<void> };
  // Bull does not wait for it: where the connection closes meanwhile, its rejection is nobody's.
  const setWorkerName = own.setWorkerName.bind(own);
  own.setWorkerName = () =>
    setWorkerName().catch((error: unknown) => {
      log.debug({ err: error }, "the queue's connection has no name");
    });
  own
    .process(deps.concurrency, (job) => deps.process(job.data))
    .catch((error: unknown) => {
      log.error({ err: error, queue: deps.name }, 'the worker ended; its work goes the direct way');
    });
  own.on('failed', (job, error) =>
    log.error({ err: error, queue: deps.name, job: job.id }, 'a job failed'),
  );
  void client.once('ready', () => {
    void redisShortcomings(client).then((found) => {
      for (const shortcoming of found) log.warn({ shortcoming }, 'Redis is not set up for a queue');
    });
  });

  /** Whose queues were found at the last look, and who were not there. */
  let missing = new Set<string>();
  let nextLook: NodeJS.Timeout | undefined;
  let looking: Promise<void> = Promise.resolve();
  let closed = false;

  /**
   * Removes the queues of those who are not there, as they were not at the last look: nobody
   * waits for what is in them any more. Not by Bull's obliterate: it wants a paused queue, and
   * an instance that only hung would find its own queue paused when it comes back.
   */
  async function look(): Promise<void> {
    const before = missing;
    missing = new Set();
    const start = `${prefix}:${nameOf('')}`;
    let cursor = '0';
    do {
      const [next, keys] = await client.scan(cursor, 'MATCH', `${start}*`, 'COUNT', KEYS_PER_SCAN);
      cursor = next;
      // Asked after each answer: who starts says so before it has a queue.
      const there = new Set([cluster.instanceId, ...cluster.peers()]);
      const left = keys.filter((key) => {
        const instanceId = key.slice(start.length).split(':', 1).join();
        if (there.has(instanceId)) return false;
        missing.add(instanceId);
        return before.has(instanceId);
      });
      if (left.length > 0) await client.unlink(...left);
    } while (cursor !== '0' && !closed);
  }

  /** Looks, and again until nothing of anybody who is gone is left. */
  function lookSoon(): void {
    // The pause begins with the end of a look that is under way.
    void looking.then(() => {
      if (!closed) nextLook ??= setTimeout(beginLook, LEFTOVERS_MS);
    });
  }

  function beginLook(): void {
    nextLook = undefined;
    // When Redis is back there is another one.
    if (!redis.available()) return;
    looking = look().then(
      () => {
        if (missing.size > 0) lookSoon();
      },
      (error: unknown) => {
        log.warn({ err: error }, 'queues of instances that are gone stay in Redis for now');
        lookSoon();
      },
    );
  }

  lookSoon();
  redis.onChange((available) => {
    if (available) lookSoon();
  });
  cluster.onLeave((peer) => {
    queues.delete(peer);
    lookSoon();
  });

  return {
    add: async (instanceId, data) => {
      await withLimit(open(instanceId).add(data), ADD_MS, 'adding a job to the queue');
    },
    everyone: () =>
      new Map([cluster.instanceId, ...cluster.peers()].map((id) => [id, open(id)] as const)),
    counts: async () => ({
      ...(await withLimit(own.getJobCounts(), ADD_MS, 'counting the jobs of the queue')),
    }),
    close: async () => {
      closed = true;
      clearTimeout(nextLook);
      await looking;
      // Waits for the jobs under way; their senders wait for the answers.
      await withLimit(own.close(), 5_000, 'closing the queue worker');
    },
  };
}
