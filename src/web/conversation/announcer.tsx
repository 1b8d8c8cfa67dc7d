import { useEffect, useState } from 'react';
import { useChat } from '../state/chat.tsx';
import type { Conversation } from '../state/conversations.ts';
import { useSenders } from './sender.ts';

/** Reads arriving messages out to a screen reader; the list itself also grows with history. */
export function Announcer({ conversation }: { conversation: Conversation }) {
  const { chat } = useChat();
  const senderOf = useSenders(conversation);
  const [last, setLast] = useState<{ senderId: string; text: string }>();

  useEffect(
    () =>
      chat.messages.arrived.listen((message) => {
        if (message.conversationId !== conversation.id) return;
        const isHeard = message.senderId !== chat.ownId && message.deletedAt === undefined;
        if (isHeard) setLast(message);
      }),
    [chat, conversation.id],
  );

  return (
    <p className="sr-only" aria-live="polite">
      {last && `${senderOf(last).name}: ${last.text || 'Photo'}`}
    </p>
  );
}
