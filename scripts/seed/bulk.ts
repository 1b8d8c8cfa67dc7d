/**
 * Writes many documents: in large unordered batches, several at once. Each is only known to be
 * in memory (w: 1); whoever calls this seals it with one write that is a majority's and in the
 * journal, behind which all earlier ones are, too.
 */
import type { mongo } from 'mongoose';

const BATCH = 2_000;
const AT_ONCE = 4;

/**
 * Inserts everything that the generator gives; resolves with how many it were.
 * @param onInserted called with the number inserted by now
 * @param derive writes what follows from each batch
 */
export async function insertAll<T extends { _id: string }>(
  collection: mongo.Collection<T>,
  documents: Iterable<T>,
  signal: AbortSignal,
  onInserted: (inserted: number) => void = () => undefined,
  derive: (batch: T[]) => Promise<void> = () => Promise.resolve(),
): Promise<number> {
  const underWay = new Set<Promise<void>>();
  let inserted = 0;
  const insert = async (batch: T[]): Promise<void> => {
    await collection.insertMany(batch as mongo.OptionalUnlessRequiredId<T>[], {
      ordered: false,
      writeConcern: { w: 1, journal: false },
    });
    await derive(batch);
    inserted += batch.length;
    onInserted(inserted);
  };
  try {
    for (const batch of batches(documents)) {
      signal.throwIfAborted();
      const work = insert(batch).finally(() => underWay.delete(work));
      underWay.add(work);
      if (underWay.size >= AT_ONCE) await Promise.race(underWay);
    }
    await Promise.all(underWay);
    return inserted;
  } finally {
    // What is still on its way ends before the caller goes on; its first failure was thrown.
    await Promise.allSettled(underWay);
  }
}

/** Lists of up to 2,000. */
export function* batches<T>(items: Iterable<T>): Generator<T[]> {
  let batch: T[] = [];
  for (const item of items) {
    batch.push(item);
    if (batch.length < BATCH) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
