import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ProblemError, UnreachableError } from '../../src/web/client/errors.ts';
import { MessageStore } from '../../src/web/client/message-store.ts';
import { ReadPositions } from '../../src/web/client/read-positions.ts';
import { direct, group, own } from './message.ts';

const limited = (retryAfter: number) =>
  new ProblemError({
    type: 'about:blank',
    title: 'Too many requests',
    status: 429,
    detail: 'Too fast',
    code: 'rate_limited',
    requestId: 'r',
    message: 'Too fast',
    error: 'Too fast',
    retryAfter,
  });

function setup() {
  const sent: string[] = [];
  const flushed: string[] = [];
  const faults: (Error | undefined)[] = [];
  const reads = new ReadPositions({
    store: new MessageStore(own),
    ownId: own,
    send: async (conversationId, seq) => {
      sent.push(`${conversationId === direct ? 'direct' : 'group'} ${seq}`);
      const fault = faults.shift();
      if (fault !== undefined) throw fault;
    },
    sendLast: async (conversationId, seq) => {
      flushed.push(`${conversationId === direct ? 'direct' : 'group'} ${seq}`);
      const fault = faults.shift();
      if (fault !== undefined) throw fault;
    },
  });
  reads.start();
  return { reads, sent, flushed, faults };
}

describe('reading positions', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('are told at once, and then one every 3 s, whatever the conversation', async () => {
    const { reads, sent } = setup();
    for (let seq = 1; seq <= 5; seq++) {
      reads.seen(direct, seq);
      reads.seen(group, seq);
    }
    expect(sent).toEqual(['direct 1']);
    await vi.advanceTimersByTimeAsync(2_900);
    expect(sent).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(200);
    expect(sent).toEqual(['direct 1', 'group 5']);
    await vi.advanceTimersByTimeAsync(3_000);
    expect(sent).toEqual(['direct 1', 'group 5', 'direct 5']);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sent).toHaveLength(3);
  });

  it('are told again after a failure, when the server takes them', async () => {
    const { reads, sent, faults } = setup();
    faults.push(limited(20), new UnreachableError('No answer'));
    reads.seen(direct, 1);
    await vi.advanceTimersByTimeAsync(19_000);
    expect(sent).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(sent).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(4_000);
    expect(sent).toEqual(['direct 1', 'direct 1', 'direct 1']);
  });

  it('are all told when the page may go away, and once', async () => {
    const { reads, sent, flushed } = setup();
    reads.seen(direct, 1);
    reads.seen(direct, 2);
    reads.seen(group, 7);
    reads.flush();
    reads.flush();
    expect(flushed).toEqual(['direct 2', 'group 7']);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(sent).toEqual(['direct 1']);
  });

  it('are told again by a page that stays when that failed', async () => {
    const { reads, sent, flushed, faults } = setup();
    reads.seen(direct, 1);
    reads.seen(group, 7);
    faults.push(new UnreachableError('No answer'));
    reads.flush();
    await vi.advanceTimersByTimeAsync(4_000);
    expect([sent, flushed]).toEqual([['direct 1', 'group 7'], ['group 7']]);
  });

  it('wait for the connection', async () => {
    const { reads, sent } = setup();
    reads.stop();
    reads.seen(direct, 1);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(sent).toEqual([]);
    reads.start();
    expect(sent).toEqual(['direct 1']);
  });
});
