/** What is being looked for in the sidebar, and how the results of it are asked for. */
import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query';
import { create } from 'zustand';
import type { SearchRequest } from '../client/api.ts';
import { useDebounced } from '../ui/use-debounced.ts';
import { useChat } from './chat.tsx';

export interface SearchFilters {
  /** A conversation's id; "" for all. */
  in: string;
  /** A person's id; "" for anyone. */
  from: string;
  /** Days as a date field has them, both included; "" for no bound. */
  since: string;
  until: string;
  withFiles: boolean;
}

const noFilters: SearchFilters = { in: '', from: '', since: '', until: '', withFiles: false };

interface SearchState {
  words: string;
  filters: SearchFilters;
  /** Whether the fields of the filters are shown. */
  showsFilters: boolean;
  /** Grows when the box shall have the focus. */
  wanted: number;
  setWords: (words: string) => void;
  setFilters: (change: Partial<SearchFilters>) => void;
  toggleFilters: () => void;
  /** Begins a search in one conversation. */
  beginIn: (conversationId: string) => void;
  clear: () => void;
}

export const useSearch = create<SearchState>((set) => ({
  words: '',
  filters: noFilters,
  showsFilters: false,
  wanted: 0,
  setWords: (words) => set({ words }),
  setFilters: (change) => set(({ filters }) => ({ filters: { ...filters, ...change } })),
  toggleFilters: () =>
    set(({ showsFilters }) =>
      // What is not seen does not count.
      showsFilters ? { showsFilters: false, filters: noFilters } : { showsFilters: true },
    ),
  beginIn: (conversationId) =>
    set(({ wanted }) => ({
      words: '',
      filters: { ...noFilters, in: conversationId },
      showsFilters: true,
      wanted: wanted + 1,
    })),
  clear: () => set({ words: '', filters: noFilters, showsFilters: false }),
}));

/** Whether any filter says something. */
export const isFiltered = (filters: SearchFilters): boolean =>
  Object.values(filters).some((value) => value !== '' && value !== false);

/** The beginning of a day here, or of the one after it. */
function midnight(day: string, later: 0 | 1): string | undefined {
  const [year, month, date] = day.split('-').map(Number);
  if (year === undefined || month === undefined || date === undefined) return undefined;
  const at = new Date(year, month - 1, date + later);
  return Number.isNaN(at.getTime()) ? undefined : at.toISOString();
}

const requestOf = (words: string, filters: SearchFilters): SearchRequest => ({
  words,
  in: filters.in || undefined,
  from: filters.from || undefined,
  after: midnight(filters.since, 0),
  before: midnight(filters.until, 1),
  withFiles: filters.withFiles,
});

/** Messages that are found, the best first, a page at a time. Nothing is asked for without words or filters. */
export function useMessageSearch(words: string, filters: SearchFilters) {
  const { chat } = useChat();
  const rested = useDebounced(words.trim(), 250);
  // An emptied box is empty at once.
  const asked = words.trim() === '' ? '' : rested;
  const request = requestOf(asked, filters);
  const { in: _, words: _words, ...others } = request;
  const asksSomething = asked !== '' || Object.values(others).some(Boolean);
  const query = useInfiniteQuery({
    queryKey: ['message-search', request],
    queryFn: ({ pageParam, signal }) => chat.api.searchMessages(request, pageParam, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next,
    enabled: asksSomething,
    staleTime: 2_000,
    placeholderData: keepPreviousData,
  });
  return {
    ...query,
    hits: asksSomething ? (query.data?.pages.flatMap(({ data }) => data) ?? []) : [],
    asksSomething,
    /** What is shown is not yet what was typed. */
    isBehind: asked !== words.trim() || query.isPlaceholderData,
  };
}
