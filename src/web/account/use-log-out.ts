import { useMutation } from '@tanstack/react-query';
import { useChat } from '../state/chat.tsx';
import { useNotes } from '../state/notes.ts';
import { endSession } from '../state/queries.ts';

/** Ends this session and leaves nothing of the person behind in the page. */
export function useLogOut() {
  const { chat } = useChat();
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
      endSession('');
      useNotes.getState().clear();
      history.replaceState(null, '', '/');
    },
  });
}
