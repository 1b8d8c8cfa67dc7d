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
  /** Of performance.now(). */
  deadline: number;
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
 * @param options.splitFrom with so many waiting they go as two batches, each with its own keys, so
 *   that one is answered while the other is under way; with fewer there is one batch under way.
 * @param options.maxWaiting beyond it `submit` refuses at once.
 * @param options.deadlineMs how long an item may take in all, in milliseconds.
 */
export function createMicroBatcher<I, O>(options: {
  run: (items: I[]) => Promise<(O | Error)[]>;
  maxBatch: number;
  splitFrom: number;
  maxWaiting: number;
  deadlineMs: number;
}): MicroBatcher<I, O> {
  let waiting: Entry<I, O>[] = [];
  const keysInFlight = new Set<string>();
  /**
   * An array, not a Set of entries: a Set that items go through is given a new table again and
   * again, and the old ones, once they are in the old generation, hold what was in them and their
   * successors until the next full collection. (Keys and counters elsewhere are too small to care.)
   */
  const batchesInFlight: Entry<I, O>[][] = [];
  let scheduled = false;
  /** One for all: thousands of timers a second would cost more than looking through what is open. */
  let expiry: { timer: NodeJS.Timeout; at: number } | undefined;

  function submit(key: string, item: I, withinMs = options.deadlineMs): Promise<O> {
    if (waiting.length >= options.maxWaiting) {
      return Promise.reject(unavailable('Too many messages are waiting. Please try again.'));
    }
    return new Promise<O>((resolve, reject) => {
      const deadline = performance.now() + Math.min(withinMs, options.deadlineMs);
      const entry: Entry<I, O> = { key, item, resolve, reject, deadline };
      waiting.push(entry);
      expireAt(deadline);
      schedule();
    });
  }

  /** After the current turn of the event loop: what arrives in it belongs to one batch. */
  function schedule(): void {
    if (scheduled || batchesInFlight.length > 0) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      startBatches();
    });
  }

  function startBatches(): void {
    const most = waiting.length < options.splitFrom ? 1 : 2;
    while (
      batchesInFlight.length < most &&
      startBatch(waiting.length / (most - batchesInFlight.length))
    );
  }

  /** @param share of the waiting items, about: a key is not divided. */
  function startBatch(share: number): boolean {
    const keys = freeKeys(share);
    const batch: Entry<I, O>[] = [];
    waiting = waiting.filter((entry) => {
      if (!keys.has(entry.key)) return true;
      // What does not fit waits, and with it what is behind it of the same key.
      if (batch.push(entry) === options.maxBatch) keys.clear();
      return false;
    });
    if (batch.length === 0) return false;
    void runBatch(batch);
    return true;
  }

  /** Keys that are not under way, as many as the share needs, the longest waiting first. */
  function freeKeys(share: number): Set<string> {
    const counts = new Map<string, number>();
    for (const { key } of waiting) {
      if (!keysInFlight.has(key)) counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    const keys = new Set<string>();
    let items = 0;
    for (const [key, count] of counts) {
      if (items >= share) break;
      keys.add(key);
      items += count;
    }
    return keys;
  }

  async function runBatch(batch: Entry<I, O>[]): Promise<void> {
    const keys = new Set(batch.map((entry) => entry.key));
    for (const key of keys) keysInFlight.add(key);
    batchesInFlight.push(batch);
    let results: (O | Error)[];
    try {
      results = await options.run(batch.map((entry) => entry.item));
    } catch (error) {
      results = batch.map(() => (error instanceof Error ? error : new Error(String(error))));
    }
    for (const key of keys) keysInFlight.delete(key);
    batchesInFlight.splice(batchesInFlight.indexOf(batch), 1);
    const failed = new Map<string, unknown>();
    for (const [index, entry] of batch.entries()) {
      if (holdsUp(results[index])) failed.set(entry.key, results[index]);
    }
    failWaiting(failed);
    // First the next batch is sent on its way, then this one is answered while that one runs.
    startBatches();
    for (const [index, entry] of batch.entries()) settle(entry, results[index]);
  }

  function settle(entry: Entry<I, O>, result: O | Error | undefined): void {
    if (result === undefined) entry.reject(new Error('the batch left an item out'));
    else if (result instanceof Error) entry.reject(result);
    else entry.resolve(result);
  }

  /** @param errors by key. */
  function failWaiting(errors: Map<string, unknown>): void {
    if (errors.size === 0) return;
    waiting = waiting.filter((entry) => {
      if (!errors.has(entry.key)) return true;
      entry.reject(errors.get(entry.key));
      return false;
    });
  }

  /** Whether they wait or are under way. Without a copy: in an outage there are thousands. */
  function forEachOpen(visit: (entry: Entry<I, O>) => void): void {
    for (const batch of batchesInFlight) batch.forEach(visit);
    waiting.forEach(visit);
  }

  function expireAt(deadline: number): void {
    if (expiry !== undefined && expiry.at <= deadline) return;
    clearTimeout(expiry?.timer);
    const timer = setTimeout(expireDue, Math.max(1, Math.ceil(deadline - performance.now())));
    expiry = { timer: timer.unref(), at: deadline };
  }

  function expireDue(): void {
    expiry = undefined;
    const now = performance.now();
    const expired = new Map<string, unknown>();
    forEachOpen((entry) => {
      if (entry.deadline > now) return;
      const error = unavailable('The message could not be stored in time. Please send it again.');
      entry.reject(error);
      // One that is under way stays so until its batch ends.
      entry.deadline = Infinity;
      expired.set(entry.key, error);
    });
    // Also when it was under way: what is behind it must not be stored after a 503.
    failWaiting(expired);
    let next = Infinity;
    forEachOpen(({ deadline }) => {
      next = Math.min(next, deadline);
    });
    if (next < Infinity) expireAt(next);
  }

  return {
    submit,
    size: () => batchesInFlight.reduce((sum, { length }) => sum + length, waiting.length),
  };
}
