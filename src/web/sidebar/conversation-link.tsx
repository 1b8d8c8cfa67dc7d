import { clsx } from 'clsx';
import { addressOf, goTo } from '../browser/route.ts';
import type { ConversationRow } from '../state/conversations.ts';
import { useOutboxEntries, usePresence } from '../state/live.ts';
import { counted, shortTime } from '../state/wording.ts';
import { Avatar } from '../ui/avatar.tsx';
import { Preview } from './preview.tsx';

export interface ConversationLinkProps {
  row: ConversationRow;
  isOpen: boolean;
  onOpen: () => void;
}

/** One row of the sidebar: who, when, what last, how much is unread. */
export function ConversationLink({ row, isOpen, onOpen }: ConversationLinkProps) {
  const presence = usePresence(row.kind === 'person' ? row.person._id : undefined);
  const waiting = useOutboxEntries(row.id).at(-1);
  const { last, unread = 0, mentions = 0 } = row.summary ?? {};
  const time = waiting?.createdAt ?? last?.createdAt;
  const isUnread = unread > 0 && !isOpen;
  return (
    <a
      href={addressOf(row.id)}
      aria-current={isOpen ? 'page' : undefined}
      className={clsx(
        'mx-2 flex items-center gap-3 rounded-xl px-2.5 py-2 -outline-offset-2 transition-colors',
        isOpen ? 'bg-accent-soft' : 'hover:bg-hover',
      )}
      onClick={(event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey) return;
        event.preventDefault();
        goTo(row.id);
        onOpen();
      }}
    >
      <Avatar
        id={row.kind === 'person' ? row.person._id : row.id}
        name={row.name}
        picture={row.picture}
        size="lg"
        isGroup={row.kind === 'group'}
        online={presence?.online ?? false}
      />
      <span className="min-w-0 flex-1">
        <span className="flex items-baseline gap-2">
          <span className={clsx('truncate', isUnread ? 'font-semibold' : 'font-medium')}>
            {row.name}
          </span>
          {presence?.online && <span className="sr-only">, online</span>}
          {time !== undefined && (
            <span
              className={clsx(
                'ml-auto shrink-0 text-xs',
                isUnread ? 'font-medium text-accent' : 'text-ink-faint',
              )}
            >
              {shortTime(time)}
            </span>
          )}
        </span>
        <span className="flex min-h-5 items-center gap-2">
          <Preview row={row} waiting={waiting} isUnread={isUnread} />
          {isUnread && (
            <span className="ml-auto flex shrink-0 gap-1">
              {mentions > 0 && <MentionBadge count={mentions} />}
              <UnreadBadge count={unread} />
            </span>
          )}
        </span>
      </span>
    </a>
  );
}

/** How many of the unread messages name oneself or all. */
function MentionBadge({ count }: { count: number }) {
  return (
    <span className="flex min-w-5 items-center justify-center rounded-full bg-notice px-1.5 text-xs leading-5 font-semibold text-notice-ink tabular-nums">
      <span aria-hidden>@{count > 99 ? '99+' : count}</span>
      <span className="sr-only">{counted(count, 'mention')}, </span>
    </span>
  );
}

function UnreadBadge({ count }: { count: number }) {
  return (
    <span className="min-w-5 rounded-full bg-accent px-1.5 text-center text-xs leading-5 font-semibold text-accent-ink tabular-nums">
      {count > 99 ? '99+' : count}
      <span className="sr-only"> unread</span>
    </span>
  );
}
