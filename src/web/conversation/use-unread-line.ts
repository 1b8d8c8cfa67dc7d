import { useEffect, useState } from 'react';
import { attention } from '../browser/attention.ts';
import { useChat } from '../state/chat.tsx';

/**
 * After which number the line "New messages" stands. It is set when the conversation is opened
 * and when the person looks away, and stays put while they read; Infinity means no line.
 */
export function useUnreadLine(conversationId: string): number {
  const { chat } = useChat();
  const [after, setAfter] = useState(() => readSeqIfUnread());

  function readSeqIfUnread(): number {
    const { unread = 0, readSeq = 0 } = chat.messages.summaries().get(conversationId) ?? {};
    return unread > 0 ? readSeq : Number.POSITIVE_INFINITY;
  }

  useEffect(
    () =>
      attention.listen(() => {
        if (attention.current()) return;
        const { unread = 0 } = chat.messages.summaries().get(conversationId) ?? {};
        if (unread === 0) setAfter(chat.messages.lastSeq(conversationId));
      }),
    [chat, conversationId],
  );

  return after;
}
