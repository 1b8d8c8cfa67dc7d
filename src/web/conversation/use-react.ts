import { useMutation } from '@tanstack/react-query';
import type { Message } from '../../protocol/types.ts';
import { explain } from '../client/errors.ts';
import { useChat } from '../state/chat.tsx';
import { useConversationActions } from './conversation-actions.ts';

/** Adds one's reaction to a message, or takes it back where it is there. */
export function useReact(): (message: Message, emoji: string) => void {
  const { chat, drafts } = useChat();
  const { conversationId } = useConversationActions();
  // Where one looks after a click that seems to do nothing.
  const setFault = (fault: string) => drafts.change(conversationId, { fault });
  const { mutate } = useMutation({
    mutationFn: ({ message, emoji }: { message: Message; emoji: string }) => {
      const chosen = message.reactions?.find((reaction) => reaction.emoji === emoji);
      return chat.react(message._id, emoji, !chosen?.userIds.includes(chat.ownId));
    },
    onSuccess: () => {
      if (drafts.of(conversationId).fault) setFault('');
    },
    onError: (error) => setFault(explain(error)),
  });
  return (message, emoji) => mutate({ message, emoji });
}
