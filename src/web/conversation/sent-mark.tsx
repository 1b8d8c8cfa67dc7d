import { clsx } from 'clsx';
import { Check, CheckCheck } from 'lucide-react';
import type { Message } from '../../protocol/types.ts';
import { useMemberDelivered, useMemberRead } from '../state/live.ts';
import { useConversationActions } from './conversation-actions.ts';

/**
 * Of an own message: that it is stored, and in a direct conversation that a device of the other
 * person has it, and that it was read.
 */
export function SentMark({ message: { conversationId, seq } }: { message: Message }) {
  const { partnerId } = useConversationActions();
  const isRead = useMemberRead(conversationId, partnerId) >= seq;
  const isDelivered = useMemberDelivered(conversationId, partnerId) >= seq;
  const word = isRead ? 'Read' : isDelivered ? 'Delivered' : 'Sent';
  const Ticks = isDelivered ? CheckCheck : Check;
  return (
    <span title={word}>
      <Ticks size={14} role="img" aria-label={word} className={clsx(isRead && 'text-read')} />
    </span>
  );
}
