/** Joins what was read before with what came since. */
import type { OperationsInstance, OperationsSnapshot } from '../../protocol/types.ts';

/** How far the page looks back; the server keeps as much. */
export const SPAN_MS = 10 * 60_000;

const timeOf = (sample: { at: string }): number => Date.parse(sample.at);

/** An instance that the newer answer does not name is forgotten there, and here as well. */
export function merge(
  before: OperationsSnapshot | undefined,
  after: OperationsSnapshot,
): OperationsSnapshot {
  const known = new Map(before?.instances.map((one) => [one.id, one.samples]));
  const oldest = Date.parse(after.now) - SPAN_MS;
  const instances = after.instances.map((one): OperationsInstance => {
    // Another instance may have answered; what it tells of an instance is the same.
    const byTime = new Map([...(known.get(one.id) ?? []), ...one.samples].map((s) => [s.at, s]));
    const samples = [...byTime.values()]
      .filter((sample) => timeOf(sample) > oldest)
      .sort((a, b) => timeOf(a) - timeOf(b));
    return { ...one, samples };
  });
  return { ...after, instances };
}

/** The time from which on everything is known already; undefined where nothing is. */
export function knownUntil(snapshot: OperationsSnapshot | undefined): string | undefined {
  const lasts = snapshot?.instances.filter(({ live }) => live).map((one) => one.samples.at(-1)?.at);
  if (lasts === undefined || lasts.length === 0 || lasts.includes(undefined)) return undefined;
  return (lasts as string[]).reduce((a, b) => (a < b ? a : b));
}
