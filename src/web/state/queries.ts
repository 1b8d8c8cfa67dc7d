/** Server state: the lists and the session, in TanStack Query. */
import { MutationCache, QueryCache, QueryClient, queryOptions } from '@tanstack/react-query';
import type { OwnUser } from '../../protocol/types.ts';
import { createApi } from '../client/api.ts';
import type { ParleyClient } from '../client/client.ts';
import { isLimited, isRetryable, ProblemError } from '../client/errors.ts';
import { createHttp } from '../client/http.ts';
import { useNotes } from './notes.ts';

/** For what is asked before anyone is signed in. */
export const api = createApi(createHttp({ baseUrl: '' }));

const isUnauthenticated = (error: unknown) =>
  error instanceof ProblemError && error.problem.code === 'unauthenticated';

const noticeSignOut = (error: unknown) => {
  if (isUnauthenticated(error)) endSession('Your session has ended. Please log in again.');
};

export const queryClient = new QueryClient({
  queryCache: new QueryCache({ onError: noticeSignOut }),
  mutationCache: new MutationCache({ onError: noticeSignOut }),
  defaultOptions: {
    queries: {
      staleTime: 30_000,
      networkMode: 'always',
      // Who was too fast already gains nothing by asking again at once.
      retry: (failures, error) => failures < 2 && isRetryable(error) && !isLimited(error),
    },
    mutations: { networkMode: 'always' },
  },
});

/** Who is signed in; null for nobody. */
export const meQuery = queryOptions({
  queryKey: ['me'],
  staleTime: Number.POSITIVE_INFINITY,
  queryFn: async ({ signal }): Promise<OwnUser | null> => {
    try {
      return await api.checkAuth(signal);
    } catch (error) {
      if (isUnauthenticated(error)) return null;
      throw error;
    }
  },
});

/** What the server takes; it does not change while it runs. */
export const uploadLimitsQuery = queryOptions({
  queryKey: ['upload-limits'],
  staleTime: Number.POSITIVE_INFINITY,
  queryFn: () => api.getUploadLimits(),
});

/** Who signs up is told live; now and then it is read again all the same. */
export const peopleQuery = (chat: ParleyClient) =>
  queryOptions({
    queryKey: ['people'],
    queryFn: () => chat.loadPeople(),
    refetchInterval: 5 * 60_000,
  });

export const groupsQuery = (chat: ParleyClient) =>
  queryOptions({ queryKey: ['groups'], queryFn: () => chat.loadGroups() });

/** The connection is back: what is on the screen and could not be loaded is asked for again. */
export function retryFailed(): void {
  void queryClient.refetchQueries({
    type: 'active',
    predicate: ({ state }) => state.status === 'error',
  });
}

/** Back to the sign-in screen, saying why. */
export function endSession(message: string): void {
  if (!queryClient.getQueryData(meQuery.queryKey)) return;
  useNotes.getState().setSignedOut(message);
  queryClient.setQueryData(meQuery.queryKey, null);
  queryClient.removeQueries({ predicate: (query) => query.queryKey[0] !== 'me' });
}
