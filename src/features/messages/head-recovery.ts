/**
 * Finds the heads again that an instance did not write before it died. Heads follow their
 * messages within a second, so the messages of the last minute tell where conversations stand.
 */
import type { ConversationService } from '../conversations/conversations.service.ts';
import type { MessageStore } from './messages.store.ts';
import { headsOf } from './persist-batch.ts';

/**
 * Before the newest message, by the clocks of the instances that made the ids; before now, if
 * one of those clocks was ahead.
 */
const LOOK_BACK_MS = 60_000;

/** @returns a function that brings all heads up to the last messages; it may run at any time. */
export function createHeadRecovery(deps: {
  store: Pick<MessageStore, 'newestAt' | 'lastOfEachSince'>;
  conversations: Pick<ConversationService, 'advanceHeads' | 'flushHeads'>;
  clock: () => Date;
}): () => Promise<void> {
  return async () => {
    const newest = await deps.store.newestAt();
    if (newest === undefined) return;
    const reference = Math.min(newest.getTime(), deps.clock().getTime());
    const lasts = await deps.store.lastOfEachSince(new Date(reference - LOOK_BACK_MS));
    deps.conversations.advanceHeads(headsOf(lasts));
    await deps.conversations.flushHeads();
  };
}
