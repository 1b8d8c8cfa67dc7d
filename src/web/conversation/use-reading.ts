import { useEffect } from 'react';
import { useChat } from '../state/chat.tsx';
import { useAttention, useConversationView } from '../state/live.ts';

/** Reports what was read: only while someone looks, and the end is in view. */
export function useReading(conversationId: string, isAtEnd: boolean): void {
  const { chat } = useChat();
  const isLooking = useAttention();
  const newest = useConversationView(conversationId).messages.at(-1)?.seq ?? 0;

  useEffect(() => {
    if (isLooking && isAtEnd && newest > 0) chat.reads.seen(conversationId, newest);
  }, [chat, conversationId, isLooking, isAtEnd, newest]);
}
