/**
 * Ids as the server makes them (time, five bytes of the maker, a counter), with five bytes that
 * follow from the seed (features/users/seeded.ts): so they repeat, and tell what is seeded from
 * what people wrote.
 */
const COUNTER_LIMIT = 2 ** 24;

/** An id of a time (milliseconds since 1970); of one second those with a greater number are greater. */
export function idAt(marker: string, ms: number, number: number): string {
  const seconds = Math.floor(ms / 1_000)
    .toString(16)
    .padStart(8, '0');
  return seconds + marker + (number % COUNTER_LIMIT).toString(16).padStart(6, '0');
}

/** Matches ids of direct conversations of two people with this marker. */
export const pairsWith = (marker: string): RegExp =>
  new RegExp(`^[0-9a-f]{8}${marker}[0-9a-f]{6}-[0-9a-f]{8}${marker}`);
