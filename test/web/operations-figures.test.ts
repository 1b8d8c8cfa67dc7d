/** How the operations page joins samples, and how it words and draws them. */
import { describe, expect, it } from 'vitest';
import type { OperationsInstance, OperationsSample } from '../../src/protocol/types.ts';
import { knownUntil, merge } from '../../src/web/operations/merge.ts';
import { linePath, ticksOver } from '../../src/web/operations/scale.ts';
import { hitRateOf, lastMinute, timelineOf } from '../../src/web/operations/timeline.ts';
import { duration, worded } from '../../src/web/operations/units.ts';

const START = Date.parse('2026-01-01T12:00:00.000Z');
const at = (seconds: number): string => new Date(START + seconds * 1_000).toISOString();

const traffic = (perSecond: number, p99: number | null) => ({
  perSecond,
  refused: 0,
  failed: 0,
  p50: p99,
  p95: p99,
  p99,
});

function sample(seconds: number, more: Partial<OperationsSample> = {}): OperationsSample {
  return {
    at: at(seconds),
    seconds: 3,
    connections: 1,
    messages: 2,
    pending: 0,
    http: traffic(1, 10),
    events: traffic(0, null),
    eventLoop: { p50: 0, p99: 1, max: 2 },
    cpu: 0.1,
    memory: { rss: 100, heapUsed: 50, heapTotal: 60, external: 5 },
    mongodb: { status: 'up', pool: { open: 5, inUse: 1, waiting: 0, max: 50 } },
    redis: 'up',
    queue: { active: 1 },
    ...more,
  };
}

const instance = (id: string, samples: OperationsSample[], live = true): OperationsInstance => ({
  id,
  host: 'host',
  pid: 1,
  version: '1.0.0',
  startedAt: at(0),
  live,
  samples,
});

const snapshot = (now: number, instances: OperationsInstance[]) => ({
  instanceId: 'a',
  now: at(now),
  every: 3,
  instances,
});

describe('merging what was read before with what came since', () => {
  it('keeps each sample once, in order', () => {
    const before = snapshot(6, [instance('a', [sample(3), sample(6)])]);
    const after = merge(before, snapshot(12, [instance('a', [sample(12), sample(9), sample(6)])]));
    expect(after.instances[0]?.samples.map((one) => one.at)).toEqual([at(3), at(6), at(9), at(12)]);
  });

  it('forgets what is older than ten minutes, and instances that are forgotten', () => {
    const before = snapshot(6, [instance('a', [sample(3), sample(6)]), instance('b', [sample(6)])]);
    const after = merge(before, snapshot(605, [instance('a', [sample(604)])]));
    expect(after.instances).toHaveLength(1);
    expect(after.instances[0]?.samples.map((one) => one.at)).toEqual([at(6), at(604)]);
  });

  it('asks from the last sample of who is furthest behind, not of who is gone', () => {
    const all = [
      instance('a', [sample(9)]),
      instance('b', [sample(7)]),
      instance('c', [sample(1)], false),
    ];
    expect(knownUntil(snapshot(9, all))).toBe(at(7));
    expect(knownUntil(snapshot(9, [...all, instance('d', [])]))).toBeUndefined();
    expect(knownUntil(undefined)).toBeUndefined();
  });
});

describe('the timeline of several instances', () => {
  it('adds what is counted and shows the worst of times', () => {
    const { points } = timelineOf(
      [
        instance('a', [sample(30, { http: traffic(4, 10), cpu: 0.5 })]),
        instance('b', [sample(29, { http: traffic(6, 40), cpu: 0.25 })]),
        instance('c', [sample(29, { http: traffic(0, null), queue: null })]),
      ],
      3,
    );
    expect(points.at(-1)).toMatchObject({
      connections: 3,
      messages: 6,
      http: { perSecond: 10, p99: 40 },
      events: { perSecond: 0, p99: null },
      cpu: 0.85,
      queue: { active: 2 },
      pool: { open: 15, max: 150 },
    });
  });

  it('leaves a gap where nothing is known, and ends who says nothing more', () => {
    const { times, points } = timelineOf(
      [instance('a', [sample(3), sample(6), sample(60)]), instance('b', [sample(3)])],
      3,
    );
    const counted = new Map(
      times.map((time, index) => [(time - START) / 1_000, points[index]?.connections ?? null]),
    );
    expect([3, 6, 9, 12, 15, 57, 60].map((second) => counted.get(second))).toEqual([
      2,
      2,
      2,
      1,
      null,
      null,
      1,
    ]);
    expect(times.at(-1)).toBe(START + 60_000);
    expect(times).toHaveLength(41);
  });

  it('has nothing to show without samples', () => {
    const timeline = timelineOf([instance('a', [])], 3);
    expect(timeline.points.every((point) => point === null)).toBe(true);
    expect(lastMinute(timeline)).toEqual([]);
  });
});

describe('the hit rate of caches', () => {
  it('counts a look-up once, however many tiers it asked', () => {
    const pages = [
      { cache: 'pages', tier: 'memory', hits: 70, misses: 30, stalePrevented: 0 },
      { cache: 'pages', tier: 'redis', hits: 20, misses: 10, stalePrevented: 0 },
    ];
    expect(hitRateOf(pages)).toBeCloseTo(0.9);
    expect(
      hitRateOf([
        ...pages,
        { cache: 'users', tier: 'memory', hits: 0, misses: 100, stalePrevented: 0 },
      ]),
    ).toBe(0.45);
    expect(hitRateOf([])).toBeNull();
  });
});

describe('the scale of a chart', () => {
  it.each([
    [0, 'perSecond', [0, 0.25, 0.5, 0.75, 1]],
    [3, 'count', [0, 1, 2, 3, 4]],
    [41, 'count', [0, 20, 40, 60]],
    [950, 'ms', [0, 250, 500, 750, 1000]],
    [0.5, 'share', [0, 0.2, 0.4, 0.6]],
    [3 * 1024 ** 2, 'bytes', [0, 1024 ** 2, 2 * 1024 ** 2, 3 * 1024 ** 2]],
  ] as const)('over %d %s', (most, unit, ticks) => {
    expect(ticksOver(most, unit)).toEqual(ticks);
  });

  it('reaches over whatever comes, in at most five steps', () => {
    for (let most = 1; most < 1e9; most *= 1.37) {
      const ticks = ticksOver(most, 'ms');
      expect(ticks.at(-1)).toBeGreaterThanOrEqual(most * 0.999999);
      expect(ticks.length).toBeLessThanOrEqual(5);
    }
  });
});

describe('a line', () => {
  it('breaks at gaps, and is a dot where a point is alone', () => {
    const points = [{ x: 0, y: 1 }, { x: 1, y: 2 }, null, { x: 3, y: 4 }, null];
    expect(linePath(points)).toBe('M0.0 1.0L1.0 2.0M3.0 4.0L3.0 4.0');
  });
});

describe('figures in words', () => {
  it.each([
    [0.456, 'ms', '0.46\u00A0ms'],
    [1_530, 'ms', '1.53\u00A0s'],
    [0.1234, 'share', '12.3\u00A0%'],
    [7_274.4, 'perSecond', '7,274/s'],
    [203 * 1024 ** 2, 'bytes', '203\u00A0MB'],
    [12_345, 'count', '12.3K'],
    [null, 'ms', '–'],
  ] as const)('%d %s: %s', (value, unit, words) => {
    expect(worded(value, unit)).toBe(words);
  });

  it.each([
    [40_000, '40 s'],
    [125_000, '2 min'],
    [3_900_000, '1 h 5 min'],
    [100 * 3_600_000, '4 d 4 h'],
  ])('%d ms: %s', (ms, words) => {
    expect(duration(ms)).toBe(words);
  });
});
