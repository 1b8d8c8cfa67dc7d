/**
 * Samples of one or several instances on one even grid of time. Each instance takes its samples
 * at moments of its own, so at each point of the grid its last one counts, if it is not too old.
 * What is counted is summed; of times and delays the worst instance's is shown, because
 * percentiles cannot be added.
 */
import type {
  CacheSample,
  OperationsInstance,
  OperationsSample,
  TrafficSample,
} from '../../protocol/types.ts';
import { SPAN_MS } from './merge.ts';

export type Point = Omit<OperationsSample, 'at' | 'seconds' | 'mongodb' | 'redis' | 'caches'> & {
  pool: OperationsSample['mongodb']['pool'];
  caches: CacheSample[];
};

export interface Timeline {
  /** Milliseconds since 1970, ascending, at equal distances. */
  times: number[];
  /** null: nothing is known of that time. */
  points: (Point | null)[];
}

/** A sample counts until the second one after it should have come. */
const HOLD = 2.5;
/** Not less is shown, so that the first figures do not fill the whole width. */
const LEAST_MS = 2 * 60_000;

/** @param every seconds from sample to sample */
export function timelineOf(instances: OperationsInstance[], every: number): Timeline {
  const step = every * 1_000;
  const all = instances.map(({ samples }) =>
    samples.map((sample) => ({ sample, at: Date.parse(sample.at) })),
  );
  const ends = all.flatMap((one) => one.at(-1)?.at ?? []);
  const begins = all.flatMap((one) => one[0]?.at ?? []);
  const end = Math.ceil(Math.max(0, ...ends) / step) * step;
  const known = ends.length === 0 ? 0 : end - Math.min(...begins);
  const span = Math.min(SPAN_MS, Math.max(LEAST_MS, known));
  const count = Math.floor(span / step) + 1;
  const times = Array.from({ length: count }, (_, index) => end - (count - 1 - index) * step);
  const next = all.map(() => 0);
  const points = times.map((time) => {
    const held = all.flatMap((samples, which) => {
      let index = next[which] ?? 0;
      while ((samples[index]?.at ?? Number.POSITIVE_INFINITY) <= time) index++;
      next[which] = index;
      const last = samples[index - 1];
      return last !== undefined && time - last.at < HOLD * step ? [last.sample] : [];
    });
    return held.length === 0 ? null : combine(held);
  });
  return { times, points };
}

const sum = (values: number[]): number => values.reduce((a, b) => a + b, 0);
const worst = (values: (number | null)[]): number | null => {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : Math.max(...known);
};

function combine(samples: OperationsSample[]): Point {
  const total = (pick: (sample: OperationsSample) => number): number => sum(samples.map(pick));
  const most = (pick: (sample: OperationsSample) => number): number =>
    Math.max(...samples.map(pick));
  const jobs = samples.flatMap(({ queue }) => (queue === null ? [] : [queue]));
  return {
    connections: total((one) => one.connections),
    messages: total((one) => one.messages),
    pending: total((one) => one.pending),
    http: combineTraffic(samples.map(({ http }) => http)),
    events: combineTraffic(samples.map(({ events }) => events)),
    eventLoop: {
      p50: most((one) => one.eventLoop.p50),
      p99: most((one) => one.eventLoop.p99),
      max: most((one) => one.eventLoop.max),
    },
    cpu: total((one) => one.cpu),
    memory: {
      rss: total((one) => one.memory.rss),
      heapUsed: total((one) => one.memory.heapUsed),
      heapTotal: total((one) => one.memory.heapTotal),
      external: total((one) => one.memory.external),
    },
    pool: {
      open: total((one) => one.mongodb.pool.open),
      inUse: total((one) => one.mongodb.pool.inUse),
      waiting: total((one) => one.mongodb.pool.waiting),
      max: total((one) => one.mongodb.pool.max),
    },
    queue: jobs.length === 0 ? null : addByName(jobs),
    caches: combineCaches(samples.flatMap(({ caches }) => caches ?? [])),
  };
}

function combineTraffic(samples: TrafficSample[]): TrafficSample {
  return {
    perSecond: sum(samples.map((one) => one.perSecond)),
    refused: sum(samples.map((one) => one.refused)),
    failed: sum(samples.map((one) => one.failed)),
    p50: worst(samples.map((one) => one.p50)),
    p95: worst(samples.map((one) => one.p95)),
    p99: worst(samples.map((one) => one.p99)),
  };
}

function addByName(counts: Record<string, number>[]): Record<string, number> {
  const all: Record<string, number> = {};
  for (const [name, count] of counts.flatMap(Object.entries)) all[name] = (all[name] ?? 0) + count;
  return all;
}

/** Look-ups of the same tier of the same cache, added. */
export function combineCaches(samples: CacheSample[]): CacheSample[] {
  const all = new Map<string, CacheSample>();
  for (const one of samples) {
    const name = `${one.cache}/${one.tier}`;
    const known = all.get(name);
    if (known === undefined) all.set(name, { ...one });
    else {
      known.hits += one.hits;
      known.misses += one.misses;
      known.stalePrevented += one.stalePrevented;
    }
  }
  return [...all.values()];
}

/**
 * Share of look-ups that some tier answered; null without any. The first tier is asked each
 * time, the others only after it missed: so the tier with most look-ups has them all.
 */
export function hitRateOf(samples: CacheSample[]): number | null {
  const caches = new Map<string, { hits: number; lookups: number }>();
  for (const { cache, hits, misses } of combineCaches(samples)) {
    const known = caches.get(cache) ?? { hits: 0, lookups: 0 };
    known.hits += hits;
    known.lookups = Math.max(known.lookups, hits + misses);
    caches.set(cache, known);
  }
  const lookups = sum([...caches.values()].map((one) => one.lookups));
  if (lookups === 0) return null;
  return Math.min(1, sum([...caches.values()].map((one) => one.hits)) / lookups);
}

/** The points of the last minute, without the gaps. */
export function lastMinute({ times, points }: Timeline): Point[] {
  const from = (times.at(-1) ?? 0) - 60_000;
  return points.filter((point, index) => point !== null && (times[index] ?? 0) > from) as Point[];
}
