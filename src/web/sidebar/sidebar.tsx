import { type KeyboardEvent, useDeferredValue, useEffect } from 'react';
import { AccountMenu } from '../account/account-menu.tsx';
import { goTo } from '../browser/route.ts';
import { MessageHits } from '../search/message-hits.tsx';
import { SearchFilterFields } from '../search/search-filters.tsx';
import { type ConversationRow, useConversations, useDirectory } from '../state/conversations.ts';
import { isFiltered, useSearch } from '../state/search.ts';
import { ConversationList } from './conversation-list.tsx';
import { ListSkeleton } from './list-skeleton.tsx';
import { NobodyYet, PeopleFailed } from './list-states.tsx';
import { NewGroupButton } from './new-group-button.tsx';
import { SearchBox } from './search-box.tsx';

/** Everyone one can write to, the most recent first. */
export function Sidebar({ openId }: { openId: string }) {
  const { rows, isPending, isError, retry } = useConversations();
  const { words, setWords, filters, showsFilters, clear } = useSearch();
  // Filters are of messages alone.
  const onlyMessages = isFiltered(filters);
  const wanted = useDeferredValue(plain(words));
  const found = onlyMessages ? [] : matching(rows, wanted);
  const strangers = useDirectory(onlyMessages ? '' : wanted);
  const unread = rows.reduce((sum, row) => sum + (row.summary?.unread ?? 0), 0);

  const openFirst = () => {
    // Not what is shown: whoever types fast is ahead of the list.
    const first = matching(rows, plain(words))[0] ?? strangers[0];
    if (words.trim() === '' || onlyMessages || !first) return;
    goTo(first.id);
    setWords('');
  };

  useEffect(() => {
    document.title = unread > 0 ? `(${unread}) Parley` : 'Parley';
    return () => {
      document.title = 'Parley';
    };
  }, [unread]);

  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: it hears the keys of what is inside
    <div className="flex min-w-0 flex-1 flex-col" onKeyDown={moveBetweenRows}>
      <header className="flex items-center gap-1 px-3 pt-3 pb-2">
        <AccountMenu />
        <NewGroupButton />
      </header>
      <SearchBox words={words} onChange={setWords} onEnter={openFirst} />
      {showsFilters && <SearchFilterFields rows={rows} />}
      <nav aria-label="Conversations" className="min-h-0 flex-1">
        {isError && rows.length === 0 ? (
          <PeopleFailed onRetry={retry} />
        ) : isPending ? (
          <ListSkeleton />
        ) : rows.length === 0 ? (
          <NobodyYet onRetry={retry} />
        ) : (
          <ConversationList
            rows={[...found, ...strangers]}
            openId={openId}
            onOpen={clear}
            footer={
              <MessageHits
                words={words}
                filters={filters}
                rows={rows}
                isAlone={found.length + strangers.length === 0}
              />
            }
          />
        )}
      </nav>
    </div>
  );
}

/** Without accents, as the directory compares: "tomas" finds "Tomás". */
const plain = (words: string) =>
  words.trim().normalize('NFKD').replace(/\p{M}/gu, '').toLocaleLowerCase();

const matching = (rows: ConversationRow[], wanted: string) =>
  wanted === '' ? rows : rows.filter((row) => plain(row.name).includes(wanted));

/** The arrow keys go from the search box to the list, and up and down in it. */
function moveBetweenRows(event: KeyboardEvent<HTMLDivElement>): void {
  if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return;
  const stops = event.currentTarget.querySelectorAll<HTMLElement>('input[type=search], nav a');
  const list = [...stops];
  const index = list.indexOf(document.activeElement as HTMLElement);
  const next = list[index + (event.key === 'ArrowDown' ? 1 : -1)];
  if (index < 0 || !next) return;
  event.preventDefault();
  next.focus();
}
