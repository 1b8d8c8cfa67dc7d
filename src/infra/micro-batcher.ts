/**
 * Takes whatever is waiting and runs it as one batch: no delay when idle, large batches under
 * load. Items of one key keep their order and are never in two batches at once.
 *
 * When an item fails or runs out of time, everything behind it of the same key fails too, so
 * that nothing overtakes it: the sender tries again in its own order.
 */
import { AppError, unavailable } from '../errors.ts';

export interface MicroBatcher<I, O> {
  /**
   * Resolves with the item's result; rejects when its batch failed, or when it took longer than
   * `withinMs` (at most, and without it, `deadlineMs`).
   */
  submit(key: string, item: I, withinMs?: number): Promise<O>;
  /** Items waiting or under way. */
  size(): number;
}

interface Entry<I, O> {
  key: string;
  item: I;
  resolve: (result: O) => void;
  reject: (error: unknown) => void;
  timer: NodeJS.Timeout;
}

/**
 * What the server could not do may be done later; nothing behind it may be done before. A
 * refusal concerns its item alone.
 */
const holdsUp = (result: unknown): boolean =>
  result instanceof Error && !(result instanceof AppError && result.status < 500);

/**
 * @param options.run gets a batch and returns one outcome per item, in order.
 * @param options.maxBatch items in one batch at the most.
 * @param options.maxInFlight batches under way at once.
 * @param options.maxWaiting beyond it `submit` refuses at once.
 * @param options.deadlineMs how long an item may take in all, in milliseconds.
 */
export function createMicroBatcher<I, O>(options: {
  run: (items: I[]) => Promise<(O | Error)[]>;
  maxBatch: number;
  maxInFlight: number;
  maxWaiting: number;
  deadlineMs: number;
}): MicroBatcher<I, O> {
  let waiting: Entry<I, O>[] = [];
  const keysInFlight = new Set<string>();
  let entriesInFlight = 0;
  let batchesInFlight = 0;
  let scheduled = false;

  function submit(key: string, item: I, withinMs = options.deadlineMs): Promise<O> {
    if (waiting.length >= options.maxWaiting) {
      return Promise.reject(unavailable('Too many messages are waiting. Please try again.'));
    }
    return new Promise<O>((resolve, reject) => {
      const entry: Entry<I, O> = {
        key,
        item,
        resolve,
        reject,
        timer: setTimeout(() => expire(entry), Math.min(withinMs, options.deadlineMs)),
      };
      waiting.push(entry);
      schedule();
    });
  }

  /** After the current turn of the event loop: what arrives in it belongs to one batch. */
  function schedule(): void {
    if (scheduled || batchesInFlight >= options.maxInFlight) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      startBatches();
    });
  }

  function startBatches(): void {
    while (waiting.length > 0 && batchesInFlight < options.maxInFlight && startBatch());
  }

  function startBatch(): boolean {
    const batch: Entry<I, O>[] = [];
    const rest: Entry<I, O>[] = [];
    const blocked = new Set<string>();
    for (const entry of waiting) {
      const held = keysInFlight.has(entry.key) || blocked.has(entry.key);
      if (!held && batch.length < options.maxBatch) batch.push(entry);
      else {
        blocked.add(entry.key);
        rest.push(entry);
      }
    }
    if (batch.length === 0) return false;
    waiting = rest;
    void runBatch(batch);
    return true;
  }

  async function runBatch(batch: Entry<I, O>[]): Promise<void> {
    const keys = new Set(batch.map((entry) => entry.key));
    for (const key of keys) keysInFlight.add(key);
    batchesInFlight++;
    entriesInFlight += batch.length;
    let results: (O | Error)[];
    try {
      results = await options.run(batch.map((entry) => entry.item));
    } catch (error) {
      results = batch.map(() => (error instanceof Error ? error : new Error(String(error))));
    }
    for (const key of keys) keysInFlight.delete(key);
    batchesInFlight--;
    entriesInFlight -= batch.length;
    for (const [index, entry] of batch.entries()) {
      const result = results[index];
      if (result !== undefined && holdsUp(result)) failWaiting(entry.key, result);
    }
    // First the next batch is sent on its way, then this one is answered while that one runs.
    startBatches();
    for (const [index, entry] of batch.entries()) settle(entry, results[index]);
  }

  function settle(entry: Entry<I, O>, result: O | Error | undefined): void {
    clearTimeout(entry.timer);
    if (result === undefined) entry.reject(new Error('the batch left an item out'));
    else if (result instanceof Error) entry.reject(result);
    else entry.resolve(result);
  }

  function failWaiting(key: string, error: unknown): void {
    if (!waiting.some((entry) => entry.key === key)) return;
    waiting = waiting.filter((entry) => {
      if (entry.key !== key) return true;
      clearTimeout(entry.timer);
      entry.reject(error);
      return false;
    });
  }

  function expire(entry: Entry<I, O>): void {
    const error = unavailable('The message could not be stored in time. Please send it again.');
    entry.reject(error);
    // Also when the entry itself is under way: what is behind it must not be stored after a 503.
    failWaiting(entry.key, error);
  }

  return { submit, size: () => waiting.length + entriesInFlight };
}
