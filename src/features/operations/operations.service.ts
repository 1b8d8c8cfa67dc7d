/**
 * How the instances fare. Every 3 s each takes a sample of itself, keeps those of the last ten
 * minutes, and tells the others by the bus; so every instance can show all of them, and a page
 * that asks costs no query. Nothing is measured per message that is not counted anyway.
 *
 * Known limit: an instance that starts knows the others from then on, not what they were before.
 */
import type { Bus } from '../../infra/bus.ts';
import type { Cluster } from '../../infra/cluster.ts';
import type { EventLoopMonitor, LoopDelay } from '../../infra/event-loop.ts';
import type { Logger } from '../../infra/logger.ts';
import type { Traffic, TrafficFigures } from '../../infra/traffic.ts';
import type {
  CacheSample,
  OperationsInstance,
  OperationsSample,
  OperationsSnapshot,
  TrafficSample,
} from '../../protocol/types.ts';

const EVERY_MS = 3_000;
const KEPT_MS = 10 * 60_000;
const KEPT_SAMPLES = KEPT_MS / EVERY_MS;
/** More than this many, the oldest of those that stopped is forgotten. */
const KEPT_INSTANCES = 64;
const MINUTE_MS = 60_000;

/** How many samples make the last minute. */
export const SAMPLES_PER_MINUTE = MINUTE_MS / EVERY_MS;

/** What is known of an instance besides its samples. */
export type InstanceFacts = Omit<OperationsInstance, 'live' | 'samples'>;

/** Look-ups in one tier of one cache since the start. */
export type CacheFigures = CacheSample;

/** Where a sample's figures are read. All are cheap, none waits for anything but the queue. */
export interface OperationsSources {
  connections: () => number;
  pendingMessages: () => number;
  /** Messages stored since the start. */
  storedMessages: () => number;
  mongodbUp: () => boolean;
  pool: () => { open: number; in_use: number; waiting: number };
  poolMax: number;
  redis: () => 'off' | 'up' | 'down';
  /** By state; empty where they cannot be counted. */
  queueJobs: () => Promise<Record<string, number>>;
  /** undefined: nothing is cached. */
  caches: (() => CacheFigures[]) | undefined;
}

/** The last minute, for /health. Times are milliseconds. */
export interface LastMinute {
  http: TrafficFigures;
  events: TrafficFigures;
  eventLoop: LoopDelay;
  caches: CacheSample[] | undefined;
}

export type OperationsService = ReturnType<typeof createOperationsService>;

export function createOperationsService(deps: {
  facts: InstanceFacts;
  sources: OperationsSources;
  http: Traffic;
  events: Traffic;
  eventLoop: EventLoopMonitor;
  bus: Pick<Bus, 'publish' | 'on'>;
  cluster: Pick<Cluster, 'peers'>;
  clock: () => Date;
  log: Logger;
}) {
  const { facts, sources, bus, cluster, clock, log } = deps;
  /** Instance -> what is known of it, the own one included. */
  const instances = new Map<string, { facts: InstanceFacts; samples: OperationsSample[] }>([
    [facts.id, { facts, samples: [] }],
  ]);
  let before = readTotals();
  let timer: NodeJS.Timeout | undefined;
  let sampling: Promise<void> | undefined;

  function readTotals() {
    return {
      at: performance.now(),
      stored: sources.storedMessages(),
      cpu: process.cpuUsage(),
      caches: sources.caches?.(),
    };
  }

  async function take(): Promise<OperationsSample> {
    const last = before;
    before = readTotals();
    const seconds = (before.at - last.at) / 1_000;
    const { user, system } = process.cpuUsage(last.cpu);
    const { rss, heapUsed, heapTotal, external } = process.memoryUsage();
    const { open, in_use: inUse, waiting } = sources.pool();
    const caches = before.caches && difference(before.caches, last.caches ?? []);
    const sample = {
      at: clock().toISOString(),
      seconds: Number(seconds.toFixed(3)),
      connections: sources.connections(),
      messages: rate(before.stored - last.stored, seconds),
      pending: sources.pendingMessages(),
      http: present(deps.http.turn()),
      events: present(deps.events.turn()),
      eventLoop: deps.eventLoop.turn(),
      cpu: rate((user + system) / 1e6, seconds),
      memory: { rss, heapUsed, heapTotal, external },
      mongodb: {
        status: sources.mongodbUp() ? ('up' as const) : ('down' as const),
        pool: { open, inUse, waiting, max: sources.poolMax },
      },
      redis: sources.redis(),
      ...(caches === undefined ? {} : { caches }),
    };
    return { ...sample, queue: await countJobs() };
  }

  async function countJobs(): Promise<Record<string, number> | null> {
    try {
      const counts = await sources.queueJobs();
      return Object.keys(counts).length === 0 ? null : counts;
    } catch (error) {
      log.debug({ err: error }, 'the jobs of the queue could not be counted for a sample');
      return null;
    }
  }

  function keep(about: InstanceFacts, sample: OperationsSample): void {
    const known = instances.get(about.id)?.samples ?? [];
    const samples = [...known, sample].slice(-KEPT_SAMPLES);
    instances.set(about.id, { facts: about, samples });
    forgetOld();
  }

  function forgetOld(): void {
    const isLive = (id: string): boolean => id === facts.id || cluster.peers().includes(id);
    const oldest = clock().getTime() - KEPT_MS;
    const gone = [...instances]
      .filter(([id]) => !isLive(id))
      .map(([id, { samples }]) => ({ id, last: Date.parse(samples.at(-1)?.at ?? '') || 0 }))
      .sort((a, b) => a.last - b.last);
    const tooMany = instances.size - KEPT_INSTANCES;
    for (const [index, { id, last }] of gone.entries()) {
      if (index < tooMany || last < oldest) instances.delete(id);
    }
  }

  async function tick(): Promise<void> {
    try {
      const sample = await take();
      keep(facts, sample);
      // Alone, there is nobody to tell.
      if (cluster.peers().length > 0) bus.publish('operations.sample', { about: facts, sample });
    } catch (error) {
      log.warn({ err: error }, 'no sample of this instance could be taken');
    }
  }

  bus.on<{ about: InstanceFacts; sample: OperationsSample }>(
    'operations.sample',
    ({ about, sample }) => keep(about, sample),
  );

  const own = (): OperationsSample[] => instances.get(facts.id)?.samples ?? [];

  return {
    start: (): void => {
      timer = setInterval(() => {
        sampling ??= tick().finally(() => {
          sampling = undefined;
        });
      }, EVERY_MS);
    },
    /** Waits for a sample that is being taken: it asks the queue, which is closed after it. */
    close: async (): Promise<void> => {
      clearInterval(timer);
      await sampling;
      deps.eventLoop.close();
    },
    /** All instances; `since`: only samples that ended after that time, ISO 8601 in UTC. */
    snapshot: (since?: string): OperationsSnapshot => {
      const after = since === undefined ? 0 : Date.parse(since);
      const peers = new Set(cluster.peers());
      return {
        instanceId: facts.id,
        now: clock().toISOString(),
        every: EVERY_MS / 1_000,
        instances: [...instances.values()].map(({ facts: about, samples }) => ({
          ...about,
          live: about.id === facts.id || peers.has(about.id),
          samples: samples.filter(({ at }) => Date.parse(at) > after),
        })),
      };
    },
    /** The last minute of this instance. */
    lastMinute: (): LastMinute => {
      const minute = own().slice(-SAMPLES_PER_MINUTE);
      const worst = (pick: (delay: LoopDelay) => number): number =>
        Math.max(0, ...minute.map(({ eventLoop }) => pick(eventLoop)));
      return {
        http: deps.http.recently(),
        events: deps.events.recently(),
        eventLoop: {
          p50: worst(({ p50 }) => p50),
          p99: worst(({ p99 }) => p99),
          max: worst(({ max }) => max),
        },
        caches: sources.caches && sum(minute.map(({ caches }) => caches ?? [])),
      };
    },
  };
}

const rate = (count: number, seconds: number): number =>
  seconds > 0 ? Number((count / seconds).toPrecision(4)) : 0;

function present(figures: TrafficFigures): TrafficSample {
  const { seconds, answered, refused, failed, p50, p95, p99 } = figures;
  return {
    perSecond: rate(answered, seconds),
    refused: rate(refused, seconds),
    failed: rate(failed, seconds),
    p50,
    p95,
    p99,
  };
}

const nameOf = ({ cache, tier }: CacheFigures): string => `${cache}/${tier}`;

/** What was looked up between two readings. */
function difference(now: CacheFigures[], before: CacheFigures[]): CacheSample[] {
  const old = new Map(before.map((one) => [nameOf(one), one]));
  return now.map((one) => {
    const last = old.get(nameOf(one));
    return {
      ...one,
      hits: one.hits - (last?.hits ?? 0),
      misses: one.misses - (last?.misses ?? 0),
      stalePrevented: one.stalePrevented - (last?.stalePrevented ?? 0),
    };
  });
}

function sum(readings: CacheSample[][]): CacheSample[] {
  const sums = new Map<string, CacheSample>();
  for (const one of readings.flat()) {
    const known = sums.get(nameOf(one)) ?? { ...one, hits: 0, misses: 0, stalePrevented: 0 };
    known.hits += one.hits;
    known.misses += one.misses;
    known.stalePrevented += one.stalePrevented;
    sums.set(nameOf(one), known);
  }
  return [...sums.values()];
}
