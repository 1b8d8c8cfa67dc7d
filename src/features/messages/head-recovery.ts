/**
 * Finds heads again that were not written: by an instance that died, or by a batch or a change
 * whose outcome stayed unknown. Heads follow their messages within a second, so the messages and
 * the changes of the last minute, and of the time since the trouble began, tell where
 * conversations stand.
 */
import type { Logger } from '../../infra/logger.ts';
import type { ConversationService } from '../conversations/conversations.service.ts';
import type { MessageStore } from './messages.store.ts';
import { headsOf } from './persist-batch.ts';

/**
 * Before the newest message, by the clocks of the instances that made the ids; before now, if
 * one of those clocks was ahead.
 */
const LOOK_BACK_MS = 60_000;
const RETRY_MS = 1_000;

export interface HeadRecovery {
  /** Brings all heads up to the last messages; resolves when that is done, however often it takes. */
  run(): Promise<void>;
  /** Stops trying. */
  close(): void;
}

export function createHeadRecovery(deps: {
  store: Pick<MessageStore, 'newestAt' | 'lastOfEachSince' | 'newestChangeAt' | 'lastRevsSince'>;
  conversations: Pick<ConversationService, 'advanceHeads' | 'advanceRev' | 'flushHeads'>;
  /** Completes deletions of messages since a time. Never rejects. */
  finishDeletions: (since: Date) => Promise<void>;
  clock: () => Date;
  log: Logger;
}): HeadRecovery {
  /** Not begun yet, so that it covers whatever is asked for meanwhile. */
  let next: Promise<void> | undefined;
  let last: Promise<void> = Promise.resolve();
  let closed = false;

  async function recover(since: number): Promise<void> {
    const { store, conversations } = deps;
    const lookBack = (newest: Date): Date =>
      new Date(Math.min(newest.getTime(), since) - LOOK_BACK_MS);
    const [newest, newestChange] = await Promise.all([store.newestAt(), store.newestChangeAt()]);
    if (newest !== undefined) {
      conversations.advanceHeads(headsOf(await store.lastOfEachSince(lookBack(newest))));
    }
    if (newestChange !== undefined) {
      const changed = await store.lastRevsSince(lookBack(newestChange));
      for (const { _id, rev } of changed) conversations.advanceRev(_id, rev);
      await deps.finishDeletions(lookBack(newestChange));
    }
    await conversations.flushHeads();
  }

  async function untilDone(since: number): Promise<void> {
    while (!closed) {
      try {
        return await recover(since);
      } catch (error) {
        deps.log.warn({ err: error }, 'heads of conversations cannot be found yet; trying again');
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS).unref());
      }
    }
  }

  return {
    run: () => {
      if (next === undefined) {
        const since = deps.clock().getTime();
        next = last.then(() => {
          next = undefined;
          return untilDone(since);
        });
        last = next;
      }
      return next;
    },
    close: () => {
      closed = true;
    },
  };
}
