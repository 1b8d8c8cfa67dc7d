import { clsx } from 'clsx';
import { type CSSProperties, memo } from 'react';
import { dayHeading, hueOf } from '../state/wording.ts';
import { Avatar } from '../ui/avatar.tsx';
import { Bubble } from './bubble.tsx';
import { OutgoingBubble } from './outgoing-bubble.tsx';
import { isSameRow, type Row } from './rows.ts';
import type { Sender } from './sender.ts';

export interface MessageRowProps {
  row: Row;
  /** Where it has to be said who wrote it. */
  sender: Sender | undefined;
}

/** One message with what stands above and beside it. */
export const MessageRow = memo(
  ({ row, sender }: MessageRowProps) => (
    <li data-key={row.key} className={clsx('px-3 md:px-6', row.startsGroup ? 'pt-3' : 'pt-0.5')}>
      <div className="mx-auto max-w-3xl">
        {row.startsDay && <DayHeading time={row.createdAt} />}
        {row.isFirstUnread && <NewMessagesLine />}
        {row.kind === 'outgoing' ? (
          <OutgoingBubble entry={row.entry} endsGroup={row.endsGroup} />
        ) : sender ? (
          <MemberMessage row={row} sender={sender} />
        ) : (
          <Bubble message={row.message} isOwn={row.isOwn} endsGroup={row.endsGroup} />
        )}
      </div>
    </li>
  ),
  (before, after) => before.sender === after.sender && isSameRow(before.row, after.row),
);

interface MemberMessageProps {
  row: Extract<Row, { kind: 'stored' }>;
  sender: Sender;
}

/** In a group the others' messages say who wrote them. */
function MemberMessage({ row, sender }: MemberMessageProps) {
  const { message, startsGroup, endsGroup } = row;
  const { id, name, picture } = sender;
  return (
    <div className="flex items-end gap-2">
      <div className="w-8 shrink-0">
        {endsGroup && <Avatar id={id} name={name} picture={picture} size="sm" />}
      </div>
      <div className="min-w-0 flex-1">
        {startsGroup && (
          <p
            className="tint-name mb-1 ml-3.5 truncate text-sm font-medium"
            style={{ '--hue': hueOf(id) } as CSSProperties}
            aria-hidden
          >
            {name}
          </p>
        )}
        <Bubble message={message} isOwn={false} endsGroup={endsGroup} author={name} />
      </div>
    </div>
  );
}

function DayHeading({ time }: { time: string }) {
  return (
    <h3 className="flex items-center gap-3 pt-3 pb-4 text-xs font-medium text-ink-faint before:h-px before:flex-1 before:bg-line after:h-px after:flex-1 after:bg-line">
      {dayHeading(time)}
    </h3>
  );
}

function NewMessagesLine() {
  return (
    <p className="flex items-center gap-3 pt-1 pb-3 text-xs font-semibold text-accent before:h-px before:flex-1 before:bg-accent after:h-px after:flex-1 after:bg-accent">
      New messages
    </p>
  );
}
