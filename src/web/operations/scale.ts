/** Where figures stand in a chart. */
import type { Unit } from './units.ts';

/**
 * Up to four steps of a round size, beginning at 0, that reach over all values.
 * @returns their ends, 0 included
 */
export function ticksOver(most: number, unit: Unit): number[] {
  const least = { count: 4, perSecond: 1, ms: 1, bytes: 1_024 ** 2, share: 0.04 }[unit];
  const top = Math.max(most, least);
  // Sizes are counted in powers of 1,024, and round numbers are those that are worded so.
  const base = unit === 'bytes' ? 1_024 ** Math.floor(Math.log2(top) / 10) : 1;
  const rough = top / base / 4;
  const magnitude = 10 ** Math.floor(Math.log10(rough));
  const factor = [1, 2, 2.5, 5, 10].find((one) => one * magnitude >= rough) ?? 10;
  const whole = unit === 'count' ? Math.max(1, Math.ceil(factor * magnitude)) : factor * magnitude;
  const step = whole * base;
  const count = Math.max(1, Math.ceil(top / step - 1e-9));
  return Array.from({ length: count + 1 }, (_, index) => Number((index * step).toPrecision(12)));
}

/** An SVG path through the points that are there; a lone one becomes a dot. */
export function linePath(points: ({ x: number; y: number } | null)[]): string {
  let path = '';
  let isDown = false;
  for (const [index, point] of points.entries()) {
    if (point === null) {
      isDown = false;
      continue;
    }
    const place = `${point.x.toFixed(1)} ${point.y.toFixed(1)}`;
    const isAlone = !isDown && (points[index + 1] ?? null) === null;
    path += `${isDown ? 'L' : 'M'}${place}`;
    // A line of no length is drawn as a dot by its round ends.
    if (isAlone) path += `L${place}`;
    isDown = true;
  }
  return path;
}
