/** What the page shows of each point in time. */
import type { Point, Timeline } from './timeline.ts';
import { hitRateOf } from './timeline.ts';
import type { Unit } from './units.ts';

export interface Line {
  name: string;
  look: 'first' | 'second' | 'third' | 'danger';
  of: (point: Point) => number | null;
}

export interface ChartSpec {
  title: string;
  /** What a reader may not know. */
  hint?: string;
  unit: Unit;
  lines: Line[];
}

const latencies = (of: (point: Point) => Point['http']): Line[] => [
  { name: 'p50', look: 'first', of: (point) => of(point).p50 },
  { name: 'p95', look: 'second', of: (point) => of(point).p95 },
  { name: 'p99', look: 'third', of: (point) => of(point).p99 },
];

export const charts: ChartSpec[] = [
  {
    title: 'Throughput',
    hint: 'messages stored, events, requests',
    unit: 'perSecond',
    lines: [
      { name: 'Messages', look: 'first', of: (point) => point.messages },
      { name: 'Events', look: 'second', of: (point) => point.events.perSecond },
      { name: 'Requests', look: 'third', of: (point) => point.http.perSecond },
    ],
  },
  {
    title: 'Socket events',
    hint: 'until acknowledged',
    unit: 'ms',
    lines: latencies(({ events }) => events),
  },
  {
    title: 'HTTP requests',
    hint: 'until answered',
    unit: 'ms',
    lines: latencies(({ http }) => http),
  },
  {
    title: 'Refused and failed',
    hint: 'requests and events',
    unit: 'perSecond',
    lines: [
      { name: 'Failed', look: 'danger', of: ({ http, events }) => http.failed + events.failed },
      { name: 'Refused', look: 'second', of: ({ http, events }) => http.refused + events.refused },
    ],
  },
  {
    title: 'Connected clients',
    unit: 'count',
    lines: [{ name: 'Sockets', look: 'first', of: (point) => point.connections }],
  },
  {
    title: 'Event-loop delay',
    unit: 'ms',
    lines: [
      { name: 'p50', look: 'first', of: (point) => point.eventLoop.p50 },
      { name: 'p99', look: 'second', of: (point) => point.eventLoop.p99 },
      { name: 'Longest', look: 'third', of: (point) => point.eventLoop.max },
    ],
  },
  {
    title: 'Processor',
    hint: '100 % is one core',
    unit: 'share',
    lines: [{ name: 'CPU', look: 'first', of: (point) => point.cpu }],
  },
  {
    title: 'Memory',
    unit: 'bytes',
    lines: [
      { name: 'Resident', look: 'first', of: (point) => point.memory.rss },
      { name: 'Heap used', look: 'second', of: (point) => point.memory.heapUsed },
    ],
  },
  {
    title: 'MongoDB connections',
    unit: 'count',
    lines: [
      { name: 'Open', look: 'first', of: (point) => point.pool.open },
      { name: 'In use', look: 'second', of: (point) => point.pool.inUse },
      { name: 'Waited for', look: 'danger', of: (point) => point.pool.waiting },
    ],
  },
  {
    title: 'Messages under way',
    hint: 'accepted, not answered yet',
    unit: 'count',
    lines: [{ name: 'Messages', look: 'first', of: (point) => point.pending }],
  },
  {
    title: 'Queue',
    hint: 'jobs; nothing while Redis is away',
    unit: 'count',
    lines: [
      { name: 'Active', look: 'first', of: ({ queue }) => queue?.active ?? null },
      { name: 'Waiting', look: 'second', of: ({ queue }) => queue?.waiting ?? null },
      { name: 'Failed', look: 'danger', of: ({ queue }) => queue?.failed ?? null },
    ],
  },
];

export const cacheChart: ChartSpec = {
  title: 'Cache hit rate',
  hint: 'look-ups that no query had to answer',
  unit: 'share',
  lines: [{ name: 'All caches', look: 'first', of: ({ caches }) => hitRateOf(caches) }],
};

export const hasCaches = ({ points }: Timeline): boolean =>
  points.some((point) => point !== null && point.caches.length > 0);
