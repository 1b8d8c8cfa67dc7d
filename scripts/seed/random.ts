/** Chance that repeats itself: the same seed gives the same numbers on every machine. */
import { createHash } from 'node:crypto';

export interface Random {
  /** From 0 up to, but not including, 1. */
  next(): number;
  /** A whole number from 0 up to, but not including, `below`. */
  below(below: number): number;
  pick<T>(list: readonly T[]): T;
  /** 32 bits as 8 hexadecimal digits. */
  hex(): string;
}

/** sfc32, a small generator that passes PractRand; its state is the hash of the seed. */
export function createRandom(seed: string): Random {
  const state = createHash('sha256').update(seed).digest();
  let [a, b, c, counter] = [0, 4, 8, 12].map((at) => state.readInt32LE(at)) as [
    number,
    number,
    number,
    number,
  ];
  const bits = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + sum) | 0;
    return sum >>> 0;
  };
  const next = (): number => bits() / 2 ** 32;
  const below = (limit: number): number => Math.floor(next() * limit);
  return {
    next,
    below,
    pick: <T>(list: readonly T[]): T => list[below(list.length)] as T,
    hex: () => bits().toString(16).padStart(8, '0'),
  };
}

/** Zipf's law: the n-th has a weight of 1/n^exponent. */
export const zipfWeights = (count: number, exponent = 1): number[] =>
  Array.from({ length: count }, (_, rank) => 1 / (rank + 1) ** exponent);

/**
 * Picks an index by weight, in constant time (Vose's alias method).
 * @param weights at least one, none negative, not all 0
 */
export function createSampler(weights: readonly number[]): (random: Random) => number {
  const count = weights.length;
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const share = Float64Array.from(weights, (weight) => (weight * count) / total);
  const alias = Uint32Array.from(weights, (_, index) => index);
  const small: number[] = [];
  const large: number[] = [];
  for (let index = 0; index < count; index++) {
    ((share[index] as number) < 1 ? small : large).push(index);
  }
  for (;;) {
    const less = small.pop();
    const more = large.pop();
    if (less === undefined || more === undefined) break;
    alias[less] = more;
    share[more] = (share[more] as number) + (share[less] as number) - 1;
    ((share[more] as number) < 1 ? small : large).push(more);
    // What is left over at the end is 1 but for rounding, and is its own alias.
  }
  return (random) => {
    const index = random.below(count);
    return random.next() < (share[index] as number) ? index : (alias[index] as number);
  };
}
