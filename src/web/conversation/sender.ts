import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { useChat } from '../state/chat.tsx';
import type { Conversation } from '../state/conversations.ts';
import { peopleQuery } from '../state/queries.ts';

/** Who wrote a message. */
export interface Sender {
  id: string;
  name: string;
  picture: string;
}

/** How somebody is called, by the same way. */
export const nameBy =
  (senderOf: (written: { senderId: string }) => Sender) =>
  (id: string): string =>
    senderOf({ senderId: id }).name;

/** Finds who wrote a message, also after they left the group. The same object each time. */
export function useSenders(conversation: Conversation): (written: { senderId: string }) => Sender {
  const { chat, me } = useChat();
  const people = useQuery(peopleQuery(chat)).data;

  return useMemo(() => {
    const members =
      conversation.kind === 'group' ? conversation.group.members : [conversation.person];
    const known = new Map<string, Sender>();
    for (const { _id, fullName, profilePic } of [...(people ?? []), ...members, me]) {
      known.set(_id, { id: _id, name: fullName, picture: profilePic });
    }
    return ({ senderId }) => {
      const sender = known.get(senderId) ?? { id: senderId, name: 'Former member', picture: '' };
      known.set(senderId, sender);
      return sender;
    };
  }, [conversation, people, me]);
}
