/** What /metrics reads of the parts of the application when it is asked. */
import type { CacheFigures } from './cache.ts';
import { labelled, type Metrics } from './metrics.ts';
import type { PoolMonitor } from './mongo-pool.ts';

/** Tells the metrics where each figure is read. */
export function exportFigures(
  { source }: Pick<Metrics, 'source'>,
  sources: {
    connections: () => number;
    pendingMessages: () => number;
    peers: () => string[];
    pool: PoolMonitor;
    poolMax: number;
    /** By the name of the cache. */
    caches: ReadonlyMap<string, () => CacheFigures>;
    /** undefined: the application runs without Redis. */
    redis: { available(): boolean } | undefined;
    /** Queue -> state -> jobs; empty while Redis is away. */
    queueJobs: () => Promise<Record<string, Record<string, number>>>;
    search: { pending(): number; behindSeconds(): number };
  },
): void {
  const { pool, redis } = sources;
  source(
    { type: 'gauge', name: 'chat_socket_connections', help: 'Clients connected to this instance' },
    sources.connections,
  );
  source(
    {
      type: 'gauge',
      name: 'chat_messages_pending',
      help: 'Messages accepted by this instance and not answered yet',
    },
    sources.pendingMessages,
  );
  source(
    {
      type: 'gauge',
      name: 'chat_instances',
      help: 'Live instances that this one knows, itself included',
    },
    () => sources.peers().length + 1,
  );
  source(
    {
      type: 'gauge',
      name: 'chat_mongodb_pool',
      help: 'Connections to MongoDB that are open and in use, and operations waiting for one',
      labels: ['state'],
    },
    () => labelled('state', { ...pool.state(), max: sources.poolMax }),
  );
  source(
    {
      type: 'counter',
      name: 'chat_mongodb_pool_events_total',
      help: "What the driver's pool of connections told of itself",
      labels: ['event'],
    },
    () => labelled('event', pool.counts()),
  );
  source(
    {
      type: 'counter',
      name: 'chat_cache_requests_total',
      help: 'Questions to each level of the caches; stale_prevented: a copy was there, out of date',
      labels: ['cache', 'tier', 'result'],
    },
    () =>
      [...sources.caches].flatMap(([cache, figures]) =>
        Object.entries(tiersOf(figures())).flatMap(([tier, counts]) =>
          labelled('result', counts).map(({ labels, value }) => ({
            labels: { ...labels, cache, tier },
            value,
          })),
        ),
      ),
  );
  source(
    {
      type: 'gauge',
      name: 'chat_cache_entries',
      help: 'Copies that are held in this process',
      labels: ['cache', 'tier'],
    },
    () =>
      [...sources.caches].map(([cache, figures]) => ({
        labels: { cache, tier: 'process' },
        value: figures().process.entries,
      })),
  );
  source(
    {
      type: 'gauge',
      name: 'chat_search_pending',
      help: 'Messages of this instance that are about to become findable',
    },
    sources.search.pending,
  );
  source(
    {
      type: 'gauge',
      name: 'chat_search_behind_seconds',
      help: 'How old the oldest message is that this instance has to make findable by looking for it again; 0: none',
    },
    sources.search.behindSeconds,
  );
  if (redis === undefined) return;
  source({ type: 'gauge', name: 'chat_redis_up', help: '1 while Redis answers in time' }, () =>
    redis.available() ? 1 : 0,
  );
  source(
    {
      type: 'gauge',
      name: 'chat_queue_jobs',
      help: "Jobs in this instance's queues; absent while Redis is away",
      labels: ['queue', 'state'],
    },
    async () =>
      Object.entries(await sources.queueJobs()).flatMap(([queue, jobs]) =>
        labelled('state', jobs).map(({ labels, value }) => ({
          labels: { ...labels, queue },
          value,
        })),
      ),
  );
}

function tiersOf({ process: own, redis }: CacheFigures): Record<string, Record<string, number>> {
  const { entries: _entries, ...counts } = own;
  return { process: counts, redis: { ...redis } };
}
