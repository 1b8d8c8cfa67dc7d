import { Check, CheckCheck } from 'lucide-react';
import type { Message } from '../../protocol/types.ts';
import { useMemberRead } from '../state/live.ts';
import { useConversationActions } from './conversation-actions.ts';

/** Of an own message: that it is stored, and in a direct conversation that it was read. */
export function SentMark({ message: { conversationId, seq } }: { message: Message }) {
  const { partnerId } = useConversationActions();
  const isRead = useMemberRead(conversationId, partnerId) >= seq;
  return isRead ? (
    <CheckCheck size={14} role="img" aria-label="Read" className="text-accent" />
  ) : (
    <Check size={14} role="img" aria-label="Sent" />
  );
}
