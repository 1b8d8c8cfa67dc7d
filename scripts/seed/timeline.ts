/** When people write: on working days, in working hours, now and then in the evening. */
import type { Random } from './random.ts';

const HOUR_MS = 60 * 60_000;
const DAY_MS = 24 * HOUR_MS;
/** By hour of the day, UTC. */
const HOURS = [
  1, 1, 0, 0, 0, 1, 4, 12, 40, 70, 75, 70, 45, 60, 75, 70, 60, 40, 22, 16, 14, 12, 7, 3,
];
/** From Sunday on. */
const WEEKDAYS = [0.15, 1, 1.1, 1.05, 1, 0.8, 0.2];

/** The days that the messages cover. */
export const DAYS = 180;

/** When that time begins: `DAYS` before its end. */
export const beginningOf = (until: Date): Date => new Date(until.getTime() - DAYS * DAY_MS);

/**
 * Spreads `count` moments over the time before `until`.
 * @returns a function that gives the moment of number 0, 1, 2 … in milliseconds since 1970; to
 * be called in this order, each is at or after the one before.
 */
export function createTimeline(
  until: Date,
  count: number,
  random: Random,
): (number: number) => number {
  const start = beginningOf(until).getTime();
  const weights = Array.from({ length: DAYS * 24 }, (_, hour) => {
    const at = new Date(start + hour * HOUR_MS);
    return (HOURS[at.getUTCHours()] as number) * (WEEKDAYS[at.getUTCDay()] as number);
  });
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let hour = 0;
  let before = 0;
  return (number) => {
    const target = ((number + random.next()) / count) * total;
    while (hour < weights.length - 1 && before + (weights[hour] as number) < target) {
      before += weights[hour] as number;
      hour++;
    }
    const weight = weights[hour] as number;
    const share = weight === 0 ? 0 : Math.min((target - before) / weight, 1);
    return Math.floor(start + (hour + share) * HOUR_MS);
  };
}
