import { describe, expect, it } from 'vitest';
import { unavailable } from '../../src/errors.ts';
import { createMicroBatcher } from '../../src/infra/micro-batcher.ts';

interface Batch {
  items: string[];
  /** Answers each item with itself. */
  done(): void;
  fail(error: Error): void;
}

/** A batcher whose batches end when the test says so; an item's key is its first letter. */
function controlled(options: { maxBatch?: number; splitFrom?: number; maxWaiting?: number } = {}) {
  const batches: Batch[] = [];
  const onBatch: (() => void)[] = [];
  const batcher = createMicroBatcher<string, string>({
    run: (items) =>
      new Promise((resolve, reject) => {
        batches.push({ items, done: () => resolve(items), fail: reject });
        for (const tell of onBatch.splice(0)) tell();
      }),
    maxBatch: options.maxBatch ?? 100,
    splitFrom: options.splitFrom ?? Infinity,
    maxWaiting: options.maxWaiting ?? 1_000,
    deadlineMs: 5_000,
  });
  return {
    batcher,
    batches,
    submit: (items: string[], withinMs?: number) =>
      items.map((item) => batcher.submit(item.charAt(0), item, withinMs)),
    /** The batch of this index, as soon as it began. */
    batch: async (index: number): Promise<Batch> => {
      while (batches.length <= index) await new Promise<void>((resolve) => onBatch.push(resolve));
      return batches[index] as Batch;
    },
  };
}

describe('the micro-batch', () => {
  it('joins what came in one turn, and starts the next batch before it answers', async () => {
    const { submit, batch, batches } = controlled();
    const first = submit(['a1', 'b1', 'a2']);
    const one = await batch(0);
    expect(one.items).toEqual(['a1', 'b1', 'a2']);
    submit(['c1', 'a3']);
    const begunAtAnswer = first[0]?.then(() => batches.length);
    one.done();
    expect(await begunAtAnswer).toBe(2);
    expect((await batch(1)).items).toEqual(['c1', 'a3']);
  });

  it('makes two of many, each with its own keys, and no third', async () => {
    const { submit, batch, batches } = controlled({ splitFrom: 4 });
    const answers = submit(['a1', 'b1', 'a2', 'b2']);
    expect([(await batch(0)).items, (await batch(1)).items]).toEqual([
      ['a1', 'a2'],
      ['b1', 'b2'],
    ]);
    submit(['b3', 'a3', 'a4', 'b4', 'c1']);
    (await batch(0)).done();
    await answers[0];
    // What has the keys of the batch that is still under way waits for its end.
    expect((await batch(2)).items).toEqual(['a3', 'a4', 'c1']);
    expect(batches).toHaveLength(3);
    (await batch(1)).done();
    await answers[1];
    (await batch(2)).done();
    expect((await batch(3)).items).toEqual(['b3', 'b4']);
  });

  it('counts two batches under way until each ends, whichever ends first', async () => {
    const { batcher, submit, batch } = controlled({ splitFrom: 4 });
    const [a1, a2, a3, b1] = submit(['a1', 'a2', 'a3', 'b1']);
    await batch(1);
    expect(batcher.size()).toBe(4);
    (await batch(1)).done();
    expect(await b1).toBe('b1');
    expect(batcher.size()).toBe(3);
    (await batch(0)).done();
    expect(await Promise.all([a1, a2, a3])).toEqual(['a1', 'a2', 'a3']);
    expect(batcher.size()).toBe(0);
  });

  it('counts an item that ran out of time under way until its batch ends', async () => {
    const { batcher, submit, batch } = controlled();
    const [late, inTime] = submit(['a1'], 20).concat(submit(['b1']));
    const one = await batch(0);
    await expect(late).rejects.toThrow('could not be stored in time');
    expect(batcher.size()).toBe(2);
    one.done();
    expect(await inTime).toBe('b1');
    expect(batcher.size()).toBe(0);
  });

  it('keeps the order of a key also where a batch is full', async () => {
    const { submit, batch } = controlled({ maxBatch: 2 });
    submit(['a1', 'b1', 'a2', 'b2']);
    (await batch(0)).done();
    expect((await batch(0)).items).toEqual(['a1', 'b1']);
    expect((await batch(1)).items).toEqual(['a2', 'b2']);
  });

  it('fails what waits behind a failed item of its key, and nothing else', async () => {
    const { submit, batch } = controlled();
    const [failed] = submit(['a1']);
    const one = await batch(0);
    const [behind, other] = submit(['a2', 'b1']);
    one.fail(unavailable('away'));
    await expect(failed).rejects.toThrow('away');
    await expect(behind).rejects.toThrow('away');
    expect((await batch(1)).items).toEqual(['b1']);
    (await batch(1)).done();
    expect(await other).toBe('b1');
  });

  it('answers in time, with what is behind it, and does not start a second batch of the key', async () => {
    const { submit, batch, batches } = controlled();
    const [late] = submit(['a1'], 20);
    const one = await batch(0);
    const [behind] = submit(['a2']);
    await expect(late).rejects.toMatchObject({ code: 'unavailable' });
    const stillWaits = new Promise((resolve) => setImmediate(() => resolve('waits')));
    await expect(Promise.race([behind, stillWaits])).rejects.toThrow(/in time/);
    const [next] = submit(['a3']);
    expect(batches).toHaveLength(1);
    one.done();
    (await batch(1)).done();
    expect(await next).toBe('a3');
  });

  it('gives each its own time, the later one also when it came first', async () => {
    const { submit, batch, batcher } = controlled();
    const [long, short] = submit(['a1', 'b1'], 5_000);
    const [soon] = submit(['c1'], 20);
    await expect(soon).rejects.toMatchObject({ code: 'unavailable' });
    expect(batcher.size()).toBe(3);
    (await batch(0)).done();
    expect(await Promise.all([long, short])).toEqual(['a1', 'b1']);
    expect(batcher.size()).toBe(0);
  });

  it('refuses at once when too many wait', async () => {
    const { submit } = controlled({ maxWaiting: 1 });
    const [, second] = submit(['a1', 'a2']);
    await expect(second).rejects.toThrow(/too many/i);
  });
});
