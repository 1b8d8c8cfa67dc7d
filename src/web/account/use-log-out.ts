import { useMutation } from '@tanstack/react-query';
import { useChat } from '../state/chat.tsx';
import { endSession } from '../state/queries.ts';

/** Ends this session and leaves nothing of the person behind. */
export function useLogOut() {
  const { chat, drafts } = useChat();
  return useMutation({
    mutationFn: async () => {
      // The socket first: the server would call the end of its session a revocation.
      chat.stop();
      try {
        await chat.api.logout();
      } catch (error) {
        chat.start();
        throw error;
      }
    },
    onSuccess: () => {
      chat.outbox.clear();
      drafts.clear();
      endSession('');
      history.replaceState(null, '', '/');
    },
  });
}
