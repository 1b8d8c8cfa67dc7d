import { useEffect, useState } from 'react';
import { useChat } from '../state/chat.tsx';
import type { Conversation } from '../state/conversations.ts';
import { useConversationView } from '../state/live.ts';
import { excerptOf } from '../state/wording.ts';
import { nameBy, useSenders } from './sender.ts';

/** Reads arriving messages out to a screen reader; the list itself also grows with history. */
export function Announcer({ conversation }: { conversation: Conversation }) {
  const { chat } = useChat();
  const senderOf = useSenders(conversation);
  const [lastId, setLastId] = useState('');
  // As it is now: what is deleted does not stay here.
  const last = useConversationView(conversation.id).messages.findLast(({ _id }) => _id === lastId);

  useEffect(
    () =>
      chat.messages.arrived.listen((message) => {
        if (message.conversationId !== conversation.id) return;
        const isHeard = message.senderId !== chat.ownId && message.deletedAt === undefined;
        if (isHeard) setLastId(message._id);
      }),
    [chat, conversation.id],
  );

  return (
    <p className="sr-only" aria-live="polite">
      {last && `${senderOf(last).name}: ${excerptOf(last, nameBy(senderOf))}`}
    </p>
  );
}
