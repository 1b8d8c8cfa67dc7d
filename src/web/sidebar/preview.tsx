import { clsx } from 'clsx';
import { CircleAlert, Clock, Image, Paperclip } from 'lucide-react';
import { namedIn } from '../../protocol/mentions.ts';
import type { OutboxEntry } from '../client/outbox.ts';
import { useChat } from '../state/chat.tsx';
import type { ConversationRow } from '../state/conversations.ts';
import { wordsOf } from '../state/markdown.ts';
import { mentionsOf } from '../state/mentions.ts';
import { useNames } from '../state/names.ts';
import { useTypingWords } from '../state/typing-words.ts';
import { counted, filesInWords } from '../state/wording.ts';

export interface PreviewProps {
  row: ConversationRow;
  /** The newest message that is not sent yet. */
  waiting: OutboxEntry | undefined;
  isUnread: boolean;
}

/** The last message in one line. */
export function Preview({ row, waiting, isUnread }: PreviewProps) {
  const { me } = useChat();
  const nameOf = useNames(row);
  const writing = useTypingWords(row);
  const last = row.summary?.last;
  const look = clsx(
    'flex min-w-0 items-center gap-1 text-sm',
    waiting?.state === 'failed' ? 'text-danger' : isUnread ? 'text-ink' : 'text-ink-soft',
  );

  const FilesIcon = last?.image === undefined ? Paperclip : Image;
  if (waiting) {
    const isFailed = waiting.state === 'failed';
    return (
      <span className={look}>
        {isFailed ? (
          <CircleAlert size={13} aria-hidden className="shrink-0" />
        ) : (
          <Clock size={13} aria-hidden className="shrink-0" />
        )}
        <span className="sr-only">{isFailed ? 'Not sent: ' : 'Sending: '}</span>
        <span className="truncate">
          {wordsOf(waiting.text, mentionsOf(namedBy(waiting), nameOf, me._id)) ||
            filesInWords(waiting.files ?? [])}
        </span>
      </span>
    );
  }
  if (writing !== '') return <span className="truncate text-sm text-accent">{writing}</span>;
  if (!last) {
    const members = row.kind === 'group' ? counted(row.group.members.length, 'member') : '';
    return <span className={look}>{members || 'No messages yet'}</span>;
  }
  return (
    <span className={look}>
      <span className="truncate">
        {authorOf(last.senderId, me._id, row)}
        {last.deletedAt !== undefined ? (
          <em>Message deleted</em>
        ) : (
          wordsOf(last.text, mentionsOf(last.mentions, nameOf, me._id)) || (
            <>
              <FilesIcon size={13} aria-hidden className="mr-1 inline -translate-y-px" />
              {filesInWords(last.attachments ?? [])}
            </>
          )
        )}
      </span>
    </span>
  );
}

const namedBy = ({ recipient, text }: OutboxEntry) =>
  'groupId' in recipient ? namedIn(text) : undefined;

function authorOf(senderId: string, ownId: string, row: ConversationRow): string {
  if (senderId === ownId) return 'You: ';
  if (row.kind === 'person') return '';
  const name = row.group.members.find((member) => member._id === senderId)?.fullName;
  return name ? `${name.split(' ')[0]}: ` : '';
}
