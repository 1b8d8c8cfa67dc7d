import { SearchX } from 'lucide-react';
import type { SearchHit } from '../../protocol/types.ts';
import { explain } from '../client/errors.ts';
import type { ConversationRow } from '../state/conversations.ts';
import { type SearchFilters, useMessageSearch } from '../state/search.ts';
import { Button } from '../ui/button.tsx';
import { MessagePage } from '../ui/message-page.tsx';
import { Spinner } from '../ui/spinner.tsx';
import { HitLink } from './hit-link.tsx';

export interface MessageHitsProps {
  words: string;
  filters: SearchFilters;
  rows: readonly ConversationRow[];
  /** Whether nothing else was found either. */
  isAlone: boolean;
}

/** Messages that have the words; a click shows one among those around it. */
export function MessageHits({ words, filters, rows, isAlone }: MessageHitsProps) {
  const search = useMessageSearch(words, filters);
  const { hits, asksSomething, isBehind } = search;
  if (!asksSomething && words.trim() === '') return null;
  const isLoading = search.isFetching || isBehind;
  if (search.isError) {
    return (
      <div role="alert" className="px-4 py-3 text-sm text-ink-soft">
        <p>{explain(search.error)}</p>
        <Button look="quiet" className="mt-2 h-8" onClick={() => search.refetch()}>
          Try again
        </Button>
      </div>
    );
  }
  if (hits.length === 0 && !isLoading) {
    return isAlone ? (
      <MessagePage icon={<SearchX aria-hidden />} title="Nothing found">
        <p>No person, group or message matches{words.trim() && ` “${words.trim()}”`}.</p>
      </MessagePage>
    ) : (
      <p role="status" className="px-5 py-3 text-sm text-ink-faint">
        No messages found
      </p>
    );
  }
  return (
    <section aria-label="Search results" aria-busy={isLoading}>
      <h2 className="flex items-center gap-2 px-5 pt-3 pb-1.5 text-xs font-semibold text-ink-faint">
        Messages {isLoading && <Spinner />}
      </h2>
      <ul>
        {hits.map((hit) => (
          <li key={hit.message._id}>
            <HitLink hit={hit} row={rows.find(({ id }) => id === conversationOf(hit))} />
          </li>
        ))}
      </ul>
      {search.hasNextPage && (
        <div className="px-4 py-2">
          <Button
            look="quiet"
            className="w-full"
            busy={search.isFetchingNextPage}
            onClick={() => search.fetchNextPage()}
          >
            More messages
          </Button>
        </div>
      )}
    </section>
  );
}

const conversationOf = ({ message }: SearchHit): string => message.conversationId;
