import { useQuery } from '@tanstack/react-query';
import { useChat } from './chat.tsx';
import type { Conversation } from './conversations.ts';
import { peopleQuery } from './queries.ts';

/** How people named in a conversation are called. Looked for when asked: most texts name nobody. */
export function useNames(conversation: Conversation): (id: string) => string {
  const { chat, me } = useChat();
  const people = useQuery(peopleQuery(chat)).data;
  return (id) => {
    const members = conversation.kind === 'group' ? conversation.group.members : [];
    const isMeant = (one: { _id: string }) => one._id === id;
    const found =
      members.find(isMeant) ?? people?.find(isMeant) ?? (me._id === id ? me : undefined);
    return found?.fullName ?? 'Former member';
  };
}
