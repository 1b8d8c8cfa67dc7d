/**
 * Bull queues of an instance, each consumed by that instance alone. Two consumers of one queue
 * would reorder jobs; a queue of one's own cannot.
 *
 * They share their connections to Redis as far as Bull allows it: only the one that waits for
 * jobs has to be a queue's own. Each connection more is one more to be lost and made again with
 * Redis, in the moment that has the least time for it.
 *
 * Jobs are removed as soon as they are done or failed: message texts do not linger in Redis.
 * `add` has a limit of its own, because Bull's waits for ever on a Redis that hangs.
 */
import Bull from 'bull';
import type { Redis } from 'ioredis';
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
}

export interface Queues {
  /**
   * Opens the instance's own queue of a kind.
   * @param concurrency jobs under way at once
   */
  open<T>(
    name: QueueName,
    concurrency: number,
    process: (job: T) => Promise<void>,
  ): InstanceQueue<T>;
  /** Whether jobs are taken, and taken out again by this instance. */
  available(): boolean;
  close(): Promise<void>;
}

/** Opens no queue yet; from now on those of instances that are gone are removed. */
export function createQueues(deps: {
  cluster: Pick<Cluster, 'instanceId' | 'peers' | 'onLeave'>;
  namespace: string;
  redis: RedisLink;
  log: Logger;
}): Queues {
  const { cluster, redis, log } = deps;
  const client = redis.connectForQueue('client');
  const subscriber = redis.connectForQueue('subscriber');
  // Each queue listens to both for its errors.
  for (const shared of [client, subscriber]) shared.setMaxListeners(0);
  const prefix = `${deps.namespace}:bull`;
  const connections: Redis[] = [client, subscriber];
  const owns: Bull.Queue[] = [];
  /** By their names: those of other instances, too. */
  const queues = new Map<string, Bull.Queue>();

  const connectionFor = (kind: 'client' | 'subscriber' | 'bclient'): Redis => {
    if (kind === 'client') return client;
    if (kind === 'subscriber') return subscriber;
    const own = redis.connectForQueue(kind);
    connections.push(own);
    return own;
  };

  function queueOf<T>(name: QueueName, instanceId: string): Bull.Queue<T> {
    const fullName = `${name}-${instanceId}`;
    const known = queues.get(fullName);
    if (known !== undefined) return known;
    const queue = new Bull<T>(fullName, {
      prefix,
      createClient: connectionFor,
      settings: { lockDuration: 2_000, stalledInterval: 1_000, retryProcessDelay: 200 },
      defaultJobOptions: { attempts: 1, removeOnComplete: true, removeOnFail: true },
    });
    queue.on('error', (error) => log.debug({ err: error }, 'queue error'));
    queues.set(fullName, queue);
    return queue;
  }

  /** Bull names the connection and does not wait for it: closed meanwhile, it rejects to nobody. */
  function ignoreUnnamed(queue: Bull.Queue): void {
    const own = queue as Bull.Queue & { setWorkerName(): Promise<void> };
    const setWorkerName = own.setWorkerName.bind(own);
    own.setWorkerName = () =>
      setWorkerName().catch((error: unknown) => {
        log.debug({ err: error }, "the queue's connection has no name");
      });
  }

  void client.once('ready', () => {
    void redisShortcomings(client).then((found) => {
      for (const shortcoming of found) log.warn({ shortcoming }, 'Redis is not set up for a queue');
    });
  });

  /** A key is prefix:name-instance, and further parts perhaps. */
  const instanceOf = (key: string): string =>
    (key.slice(prefix.length + 1).split(':', 1)[0] ?? '').split('-').at(-1) ?? '';

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
    let cursor = '0';
    do {
      const [next, keys] = await client.scan(
        cursor,
        'MATCH',
        `${prefix}:*`,
        'COUNT',
        KEYS_PER_SCAN,
      );
      cursor = next;
      // Asked after each answer: who starts says so before it has a queue.
      const there = new Set([cluster.instanceId, ...cluster.peers()]);
      const left = keys.filter((key) => {
        const instanceId = instanceOf(key);
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
    for (const [name, queue] of queues) {
      if (!name.endsWith(`-${peer}`)) continue;
      queues.delete(name);
      // It holds on to the shared connection otherwise.
      queue.close(true).catch((error: unknown) => log.debug({ err: error }, 'queue error'));
    }
    lookSoon();
  });

  return {
    open: <T>(name: QueueName, concurrency: number, process: (job: T) => Promise<void>) => {
      const own = queueOf<T>(name, cluster.instanceId);
      owns.push(own);
      ignoreUnnamed(own);
      own
        .process(concurrency, (job) => process(job.data))
        .catch((error: unknown) => {
          log.error({ err: error, queue: name }, 'the worker ended; its work goes the direct way');
        });
      own.on('failed', (job, error) =>
        log.error({ err: error, queue: name, job: job.id }, 'a job failed'),
      );
      return {
        add: async (instanceId: string, data: T) => {
          await withLimit(
            queueOf<T>(name, instanceId).add(data),
            ADD_MS,
            'adding a job to the queue',
          );
        },
        everyone: () =>
          new Map([cluster.instanceId, ...cluster.peers()].map((id) => [id, queueOf<T>(name, id)])),
        counts: async () => ({
          ...(await withLimit(own.getJobCounts(), ADD_MS, 'counting the jobs of the queue')),
        }),
      };
    },
    available: () => redis.available() && connections.every(({ status }) => status === 'ready'),
    close: async () => {
      closed = true;
      clearTimeout(nextLook);
      await looking;
      // Waits for the jobs under way; their senders wait for the answers.
      const closings = owns.map((own) => own.close());
      await withLimit(Promise.all(closings), 5_000, 'closing the queue workers');
    },
  };
}
