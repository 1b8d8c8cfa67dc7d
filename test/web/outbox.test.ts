import { describe, expect, it, vi } from 'vitest';
import type { Message } from '../../src/protocol/types.ts';
import { ProblemError, UnreachableError } from '../../src/web/client/errors.ts';
import { Outbox, type OutboxEntry, type OutboxStorage } from '../../src/web/client/outbox.ts';
import { createMemoryStorage } from '../../src/web/client/outbox-storage.ts';
import { direct, group, message, other, own } from './message.ts';

const refusal = (status: number, detail = 'Refused', retryAfter?: number) =>
  new ProblemError({
    type: 'about:blank',
    title: detail,
    status,
    detail,
    code: 'invalid_input',
    requestId: 'r',
    message: detail,
    error: detail,
    ...(retryAfter === undefined ? {} : { retryAfter }),
  });

interface Setup {
  storage: OutboxStorage;
  firstPause: number;
}

/** A server that stores what it is sent, once per clientId, unless it is told to fail. */
function setup({ storage = createMemoryStorage(), firstPause = 1 }: Partial<Setup> = {}) {
  const log: Message[] = [];
  const attempts: string[] = [];
  const faults: (Error | 'answer lost')[] = [];
  const store = (entry: OutboxEntry): Message => {
    const known = log.find(({ clientId }) => clientId === entry.clientId);
    if (known) return known;
    const { clientId, text, conversationId } = entry;
    const stored = message(log.length + 1, { clientId, text, conversationId, senderId: own });
    log.push(stored);
    return stored;
  };
  const received: Message[] = [];
  const uploads: {
    name: string;
    settle: (outcome: string | Error) => void;
    signal: AbortSignal;
  }[] = [];
  const outbox = new Outbox({
    storage,
    firstPause,
    upload: ({ name }, { signal, onProgress }) =>
      new Promise((resolve, reject) => {
        onProgress(1);
        signal.addEventListener('abort', () => reject(new UnreachableError('given up')));
        const settle = (outcome: string | Error) =>
          outcome instanceof Error ? reject(outcome) : resolve(outcome);
        uploads.push({ name, settle, signal });
      }),
    onStored: (stored) => received.push(stored),
    send: async (entry) => {
      attempts.push(entry.text);
      const fault = faults.shift();
      await Promise.resolve();
      if (fault instanceof Error) throw fault;
      const stored = store(entry);
      if (fault === 'answer lost') throw new UnreachableError('No answer');
      return stored;
    },
  });
  const write = (text: string, conversationId = direct) =>
    outbox.add(conversationId, { to: other }, { text });
  const stored = () => log.map(({ text }) => text);
  const writeWith = (text: string, ...names: string[]) => {
    const files = names.map((name) => ({ key: name, name, type: '', content: new Blob(['four']) }));
    return outbox.add(direct, { to: other }, { text, files });
  };
  return { outbox, write, writeWith, stored, attempts, faults, received, storage, uploads };
}

describe('the outbox', () => {
  it('shows a message at once and sends nothing before there is a connection', () => {
    const { outbox, write, attempts } = setup();
    write('one');
    expect(outbox.entriesOf(direct)).toMatchObject([{ text: 'one', state: 'pending' }]);
    expect(outbox.pendingCount()).toBe(1);
    expect(attempts).toEqual([]);
  });

  it('sends in the order of writing, and keeps nothing that was stored', async () => {
    const { outbox, write, stored, received, storage } = setup();
    for (const text of ['one', 'two', 'three']) write(text);
    outbox.resume();
    await vi.waitFor(() => expect(received).toHaveLength(3));
    expect(stored()).toEqual(['one', 'two', 'three']);
    expect(outbox.entriesOf(direct)).toEqual([]);
    expect(await storage.load()).toEqual([]);
  });

  it('lets nothing overtake a message whose sending failed', async () => {
    const { outbox, write, stored, faults, attempts } = setup();
    faults.push(refusal(503), new UnreachableError('No answer'), refusal(429, 'Slow', 0.01));
    for (const text of ['one', 'two']) write(text);
    outbox.resume();
    await vi.waitFor(() => expect(outbox.pendingCount()).toBe(0));
    expect(stored()).toEqual(['one', 'two']);
    expect(attempts).toEqual(['one', 'one', 'one', 'one', 'two']);
  });

  it('has one message of a conversation on its way at a time', async () => {
    let underWay = 0;
    let most = 0;
    const outbox = new Outbox({
      storage: createMemoryStorage(),
      onStored: () => undefined,
      upload: async () => 'an id',
      send: async (entry) => {
        underWay += 1;
        most = Math.max(most, underWay);
        await new Promise((resolve) => setImmediate(resolve));
        underWay -= 1;
        return message(1, { clientId: entry.clientId });
      },
    });
    outbox.resume();
    for (const text of ['one', 'two', 'three']) outbox.add(direct, { to: other }, { text });
    outbox.resume();
    await vi.waitFor(() => expect(outbox.pendingCount()).toBe(0));
    expect(most).toBe(1);
  });

  it('stores a message once when its acknowledgement was lost', async () => {
    const { outbox, write, stored, faults, received } = setup();
    faults.push('answer lost', 'answer lost');
    write('one');
    outbox.resume();
    await vi.waitFor(() => expect(outbox.pendingCount()).toBe(0));
    expect(stored()).toEqual(['one']);
    expect(received).toHaveLength(1);
  });

  it('does not hold up other conversations', async () => {
    const { outbox, write, faults, stored } = setup();
    faults.push(refusal(503, 'Down', 60));
    write('stuck');
    write('elsewhere', group);
    outbox.resume();
    await vi.waitFor(() => expect(stored()).toEqual(['elsewhere']));
    expect(outbox.entriesOf(direct)).toMatchObject([{ state: 'pending' }]);
  });

  it('rests in every conversation when the limit is met, whatever is written, and goes on by itself', async () => {
    vi.useFakeTimers();
    try {
      const { outbox, write, faults, stored, attempts } = setup();
      const until = Date.now() + 12_000;
      faults.push(refusal(429, 'Slow', 12));
      write('one');
      outbox.resume();
      await vi.advanceTimersByTimeAsync(1);
      expect(attempts).toEqual(['one']);
      expect(outbox.limitedUntil()).toBe(until);
      // Neither a new message nor a new connection is a reason to ask again.
      write('two');
      write('elsewhere', group);
      outbox.pause();
      outbox.resume();
      await vi.advanceTimersByTimeAsync(11_900);
      expect(attempts).toEqual(['one']);
      expect(outbox.entriesOf(direct)).toMatchObject([{ state: 'pending' }, { state: 'pending' }]);
      await vi.advanceTimersByTimeAsync(200);
      expect(stored().toSorted()).toEqual(['elsewhere', 'one', 'two']);
      expect(stored().indexOf('one')).toBeLessThan(stored().indexOf('two'));
      expect(outbox.limitedUntil()).toBe(0);
      expect(attempts).toHaveLength(4);
    } finally {
      vi.useRealTimers();
    }
  });

  it('says why a message was refused, goes on with the next, and retries when asked', async () => {
    const { outbox, write, faults, stored } = setup();
    faults.push(refusal(400, 'Too ugly'));
    const { clientId } = write('one');
    write('two');
    outbox.resume();
    await vi.waitFor(() => expect(stored()).toEqual(['two']));
    expect(outbox.entriesOf(direct)).toMatchObject([{ state: 'failed', reason: 'Too ugly' }]);
    outbox.retry(clientId);
    expect(outbox.entriesOf(direct)[0]).not.toHaveProperty('reason');
    await vi.waitFor(() => expect(stored()).toEqual(['two', 'one']));
    expect(outbox.entriesOf(direct)).toEqual([]);
  });

  it('forgets a discarded message for good', async () => {
    const { outbox, write, faults, attempts, storage } = setup();
    faults.push(refusal(403));
    const { clientId } = write('one');
    outbox.resume();
    await vi.waitFor(() => expect(outbox.entriesOf(direct)[0]?.state).toBe('failed'));
    outbox.remove(clientId);
    outbox.resume();
    expect(outbox.entriesOf(direct)).toEqual([]);
    expect(await storage.load()).toEqual([]);
    expect(attempts).toEqual(['one']);
  });

  it('sends again at once when the connection is back', async () => {
    const { outbox, write, faults, stored, attempts } = setup();
    faults.push(refusal(503, 'Down', 3_600));
    write('one');
    outbox.resume();
    await vi.waitFor(() => expect(attempts).toEqual(['one']));
    outbox.pause();
    outbox.resume();
    await vi.waitFor(() => expect(stored()).toEqual(['one']));
  });

  it('survives a reload: the same messages, under the same clientIds, in the same order', async () => {
    const before = setup({ firstPause: 60_000 });
    before.faults.push('answer lost');
    const ids = ['one', 'two', 'three'].map((text) => before.write(text).clientId);
    before.outbox.resume();
    await vi.waitFor(() => expect(before.stored()).toEqual(['one']));
    before.outbox.pause();

    const after = setup({ storage: before.storage });
    after.outbox.resume();
    after.write('four');
    await after.outbox.restore();
    await vi.waitFor(() => expect(after.outbox.pendingCount()).toBe(0));
    expect(after.received.map(({ clientId }) => clientId)).toEqual(expect.arrayContaining(ids));
    expect(after.stored().filter((text) => text !== 'four')).toEqual(['one', 'two', 'three']);
  });

  it('drops a message that is known to be stored while it waits', async () => {
    const { outbox, write, attempts } = setup();
    const { clientId } = write('one');
    outbox.remove(clientId);
    write('two');
    outbox.resume();
    await vi.waitFor(() => expect(outbox.pendingCount()).toBe(0));
    expect(attempts).toEqual(['two']);
  });
});

describe('a message with files in the outbox', () => {
  const ids = (entry: OutboxEntry | undefined) => entry?.files?.map((file) => file.attachmentId);

  it('is sent when all of them are uploaded, one after the other', async () => {
    const { outbox, writeWith, attempts, uploads, received } = setup();
    const { clientId } = writeWith('look', 'a', 'b');
    outbox.resume();
    await vi.waitFor(() => expect(uploads).toHaveLength(1));
    expect(outbox.progressOf(clientId)).toEqual({ sent: 1, total: 8 });
    uploads[0]?.settle('id-a');
    await vi.waitFor(() => expect(uploads).toHaveLength(2));
    expect(outbox.progressOf(clientId)).toEqual({ sent: 5, total: 8 });
    expect(attempts).toEqual([]);
    expect(ids(outbox.entriesOf(direct)[0])).toEqual(['id-a', undefined]);
    uploads[1]?.settle('id-b');
    await vi.waitFor(() => expect(received).toHaveLength(1));
    expect(uploads.map(({ name }) => name)).toEqual(['a', 'b']);
    expect(outbox.progressOf(clientId)).toBeUndefined();
  });

  it('holds up nothing that is written after it', async () => {
    const { outbox, write, writeWith, stored, uploads, received } = setup();
    writeWith('with a file', 'a');
    write('words alone');
    outbox.resume();
    await vi.waitFor(() => expect(stored()).toEqual(['words alone']));
    uploads[0]?.settle('id-a');
    await vi.waitFor(() => expect(received).toHaveLength(2));
  });

  it('goes on after a failure, and after another page left off, with what is missing', async () => {
    const first = setup();
    first.writeWith('look', 'a', 'b');
    first.outbox.resume();
    await vi.waitFor(() => expect(first.uploads).toHaveLength(1));
    first.uploads[0]?.settle('id-a');
    await vi.waitFor(() => expect(first.uploads).toHaveLength(2));
    first.uploads[1]?.settle(new UnreachableError('cut'));
    await vi.waitFor(() => expect(first.uploads).toHaveLength(3));
    const second = setup({ storage: first.storage });
    second.outbox.resume();
    await second.outbox.restore();
    await vi.waitFor(() => expect(second.uploads.map(({ name }) => name)).toEqual(['b']));
    second.uploads[0]?.settle('id-b');
    await vi.waitFor(() => expect(second.received).toHaveLength(1));
  });

  it('is given up with its upload, and the next one begins', async () => {
    const { outbox, writeWith, uploads, received } = setup();
    const { clientId } = writeWith('no', 'a');
    writeWith('yes', 'b');
    outbox.resume();
    await vi.waitFor(() => expect(uploads).toHaveLength(1));
    outbox.remove(clientId);
    expect(uploads[0]?.signal.aborted).toBe(true);
    await vi.waitFor(() => expect(uploads).toHaveLength(2));
    uploads[1]?.settle('id-b');
    await vi.waitFor(() => expect(received.map(({ text }) => text)).toEqual(['yes']));
  });

  it('says why a file was refused, and uploads all anew when it is tried again', async () => {
    const { outbox, writeWith, uploads, received } = setup();
    const { clientId } = writeWith('look', 'a', 'b');
    outbox.resume();
    await vi.waitFor(() => expect(uploads).toHaveLength(1));
    uploads[0]?.settle('id-a');
    await vi.waitFor(() => expect(uploads).toHaveLength(2));
    uploads[1]?.settle(refusal(413, 'Too large'));
    await vi.waitFor(() =>
      expect(outbox.entriesOf(direct)).toMatchObject([{ state: 'failed', reason: 'Too large' }]),
    );
    outbox.retry(clientId);
    for (const [index, id] of [
      [2, 'id-a2'],
      [3, 'id-b2'],
    ] as const) {
      await vi.waitFor(() => expect(uploads).toHaveLength(index + 1));
      uploads[index]?.settle(id);
    }
    await vi.waitFor(() => expect(received).toHaveLength(1));
    expect(uploads.map(({ name }) => name)).toEqual(['a', 'b', 'a', 'b']);
  });

  it('uploads nothing while there is no connection', async () => {
    const { outbox, writeWith, uploads } = setup();
    outbox.resume();
    outbox.pause();
    writeWith('look', 'a');
    await Promise.resolve();
    expect(uploads).toEqual([]);
    outbox.resume();
    await vi.waitFor(() => expect(uploads).toHaveLength(1));
  });
});
