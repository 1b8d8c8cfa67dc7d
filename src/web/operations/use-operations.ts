import { useQuery } from '@tanstack/react-query';
import type { OperationsSnapshot } from '../../protocol/types.ts';
import { ProblemError } from '../client/errors.ts';
import { useChat } from '../state/chat.tsx';
import { queryClient } from '../state/queries.ts';
import { knownUntil, merge } from './merge.ts';

const KEY = ['operations'];
const EVERY_MS = 3_000;

export const isForbidden = (error: unknown): boolean =>
  error instanceof ProblemError && error.problem.code === 'forbidden';

/** How the instances fare: asked again every 3 s while the page is seen. */
export function useOperations() {
  const { chat } = useChat();
  return useQuery({
    queryKey: KEY,
    queryFn: async ({ signal }) => {
      const before = queryClient.getQueryData<OperationsSnapshot>(KEY);
      return merge(before, await chat.api.getOperations(knownUntil(before), signal));
    },
    staleTime: 0,
    // The next time comes soon enough.
    retry: false,
    refetchInterval: ({ state }) => (isForbidden(state.error) ? false : EVERY_MS),
  });
}
