import { describe, expect, it } from 'vitest';
import { createTraffic, successOf } from '../../src/infra/traffic.ts';

describe('the traffic of the last minute', () => {
  it('has no percentiles where nothing was answered', () => {
    expect(createTraffic(3).recently()).toMatchObject({ answered: 0, p50: null, p99: null });
  });

  it.each([0.06, 0.4, 3, 47, 900, 20_000])('knows times of %f ms to within 5 %%', (ms) => {
    const traffic = createTraffic(3);
    for (let count = 0; count < 100; count++) traffic.note('ok', ms);
    const { p50, p99 } = traffic.recently();
    expect(Math.abs((p50 ?? 0) / ms - 1)).toBeLessThan(0.05);
    expect(p99).toBe(p50);
  });

  it('gives each percentile its place', () => {
    const traffic = createTraffic(3);
    for (let ms = 1; ms <= 1_000; ms++) traffic.note('ok', ms);
    const { p50, p95, p99 } = traffic.recently();
    for (const [found, expected] of [
      [p50, 500],
      [p95, 950],
      [p99, 990],
    ] as const) {
      expect(Math.abs((found ?? 0) / expected - 1)).toBeLessThan(0.06);
    }
  });

  it('takes what is quicker or slower than it can tell as the least and the most', () => {
    const traffic = createTraffic(3);
    traffic.note('ok', 0);
    expect(traffic.recently().p99).toBeLessThan(0.06);
    traffic.note('ok', 1e9);
    expect(traffic.recently().p99).toBeGreaterThan(60_000);
  });

  it('forgets stretch by stretch', () => {
    let now = 0;
    const traffic = createTraffic(2, () => now);
    const pass = (): void => {
      now += 1_000;
    };
    traffic.note('failed', 10);
    pass();
    expect(traffic.turn()).toMatchObject({ seconds: 1, answered: 1, failed: 1 });
    traffic.note('refused', 10);
    pass();
    expect(traffic.turn()).toMatchObject({ seconds: 1, answered: 1, refused: 1, failed: 0 });
    traffic.note('ok', 10);
    pass();
    expect(traffic.recently()).toMatchObject({ seconds: 3, answered: 3, refused: 1, failed: 1 });
    traffic.turn();
    expect(traffic.recently()).toMatchObject({ seconds: 2, answered: 2, refused: 1, failed: 0 });
    pass();
    traffic.turn();
    pass();
    traffic.turn();
    expect(traffic.recently()).toMatchObject({ seconds: 2, answered: 0, refused: 0 });
  });

  it('tells refusals from failures', () => {
    expect([200, 304, 401, 429, 500, 503].map(successOf)).toEqual([
      'ok',
      'ok',
      'refused',
      'refused',
      'failed',
      'failed',
    ]);
  });
});
