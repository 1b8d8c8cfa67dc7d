import { useMutation } from '@tanstack/react-query';
import type { Message } from '../../protocol/types.ts';
import { explain } from '../client/errors.ts';
import { useChat } from '../state/chat.tsx';
import { useConversationActions } from './conversation-actions.ts';
import { useDraft } from './draft.ts';

/** Adds one's reaction to a message, or takes it back where it is there. */
export function useReact(): (message: Message, emoji: string) => void {
  const { chat } = useChat();
  const { setFault } = useDraft(useConversationActions().conversationId);
  const { mutate } = useMutation({
    mutationFn: ({ message, emoji }: { message: Message; emoji: string }) => {
      const chosen = message.reactions?.find((reaction) => reaction.emoji === emoji);
      return chat.react(message._id, emoji, !chosen?.userIds.includes(chat.ownId));
    },
    // Where one looks after a click that seems to do nothing.
    onError: (error) => setFault(explain(error)),
  });
  return (message, emoji) => mutate({ message, emoji });
}
