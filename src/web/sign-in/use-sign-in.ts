import { useMutation } from '@tanstack/react-query';
import type { Account } from '../../protocol/types.ts';
import { useNotes } from '../state/notes.ts';
import { meQuery, queryClient } from '../state/queries.ts';

/** Logs in or signs up, then opens the main screen. */
export function useSignIn(enter: () => Promise<Account>) {
  return useMutation({
    mutationFn: async () => {
      await enter();
      await queryClient.fetchQuery({ ...meQuery, staleTime: 0 });
    },
    onSuccess: () => useNotes.getState().setSignedOut(''),
  });
}
