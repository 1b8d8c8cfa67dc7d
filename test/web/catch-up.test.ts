import { describe, expect, it, vi } from 'vitest';
import type { Position, SyncResult } from '../../src/protocol/types.ts';
import { CatchUp } from '../../src/web/client/catch-up.ts';
import { UnreachableError } from '../../src/web/client/errors.ts';
import { MessageStore } from '../../src/web/client/message-store.ts';
import { direct, group, message, messagesFrom, numbers, own } from './message.ts';

const quiet: SyncResult = { changes: [], joined: [], left: [], more: false };

function setup(answer: (since: Record<string, Position>) => Promise<SyncResult>) {
  const store = new MessageStore(own);
  const sync = vi.fn(answer);
  const onMembership = vi.fn();
  const catchUp = new CatchUp({ store, sync, onMembership });
  return { store, sync, onMembership, catchUp };
}

describe('catching up', () => {
  it('asks from where each conversation stands until nothing more waits', async () => {
    const { store, sync, catchUp } = setup(async (since) => {
      const from = (since[direct]?.seq ?? 0) + 1;
      const messages = messagesFrom(from, Math.min(from + 3, 10));
      const seq = messages.at(-1)?.seq ?? 0;
      const upTo = { seq, rev: 0, lastId: message(seq)._id };
      const change = { conversationId: direct, messages, upTo, more: seq < 10 };
      return { ...quiet, changes: [change], more: seq < 10 };
    });
    store.receive(message(1));
    catchUp.start();
    await vi.waitFor(() => expect(store.lastSeq(direct)).toBe(10));
    expect(numbers(store.view(direct).messages)).toEqual(numbers(messagesFrom(1, 10)));
    expect(sync.mock.calls.map(([since]) => since[direct]?.seq)).toEqual([1, 5, 9]);
  });

  it('asks once for a gap, and not at all while there is no connection', async () => {
    const { store, sync, catchUp } = setup(async () => quiet);
    store.receive(message(1));
    store.receive(message(3));
    expect(sync).not.toHaveBeenCalled();
    catchUp.start();
    store.receive(message(5));
    store.receive(message(7));
    await vi.waitFor(() => expect(sync).toHaveBeenCalled());
    catchUp.stop();
    store.receive(message(9));
    expect(sync).toHaveBeenCalledTimes(1);
  });

  it('tells which conversations came and went', async () => {
    const { onMembership, catchUp } = setup(async () => ({
      ...quiet,
      joined: [direct],
      left: [group],
    }));
    catchUp.start();
    await vi.waitFor(() =>
      expect(onMembership).toHaveBeenCalledWith({ joined: [direct], left: [group] }),
    );
  });

  it('asks again after a failure', async () => {
    vi.useFakeTimers();
    try {
      const { sync, catchUp } = setup(async () => quiet);
      sync.mockRejectedValueOnce(new UnreachableError('No answer'));
      catchUp.start();
      await vi.advanceTimersByTimeAsync(5_000);
      expect(sync).toHaveBeenCalledTimes(2);
    } finally {
      vi.useRealTimers();
    }
  });
});
