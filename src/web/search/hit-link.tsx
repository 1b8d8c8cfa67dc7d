import { clsx } from 'clsx';
import { Paperclip } from 'lucide-react';
import type { SearchHit } from '../../protocol/types.ts';
import { addressOf, goTo } from '../browser/route.ts';
import { useChat } from '../state/chat.tsx';
import type { ConversationRow } from '../state/conversations.ts';
import { usePlace, useRoute } from '../state/live.ts';
import { mentionsOf } from '../state/mentions.ts';
import { filesInWords, shortTime } from '../state/wording.ts';
import { Avatar } from '../ui/avatar.tsx';
import { excerptParts, withNamesIn } from './excerpt.ts';

export interface HitLinkProps {
  hit: SearchHit;
  /** Its conversation, where the list has it. */
  row: ConversationRow | undefined;
}

/** A message that was found: where, by whom, when, and the words around what was looked for. */
export function HitLink({ hit: { message, highlights }, row }: HitLinkProps) {
  const { me } = useChat();
  const place = usePlace();
  const { conversationId, seq, senderId, createdAt, attachments = [] } = message;
  const nameOf = (id: string) => nameIn(row, id, me);
  const isOpen = useRoute() === conversationId && place?.seq === seq;
  const mentionOf = mentionsOf(message.mentions, nameOf, me._id);
  const named = withNamesIn(message.text, highlights, mentionOf);
  const parts = excerptParts(named.text, named.highlights);
  const author = senderId === me._id ? 'You' : nameOf(senderId).split(' ')[0];
  return (
    <a
      href={addressOf(conversationId, seq)}
      aria-current={isOpen ? 'location' : undefined}
      className={clsx(
        'mx-2 flex gap-3 rounded-xl px-2.5 py-2 -outline-offset-2 transition-colors',
        isOpen ? 'bg-accent-soft' : 'hover:bg-hover',
      )}
      onClick={(event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey) return;
        event.preventDefault();
        goTo(conversationId, seq);
      }}
    >
      <Avatar
        id={row?.kind === 'person' ? row.person._id : conversationId}
        name={row?.name ?? '?'}
        picture={row?.picture ?? ''}
        isGroup={row?.kind === 'group'}
      />
      <span className="min-w-0 flex-1 text-sm">
        <span className="flex items-baseline gap-2">
          <span className="truncate text-base font-medium">{row?.name ?? 'Conversation'}</span>
          <time dateTime={createdAt} className="ml-auto shrink-0 text-xs text-ink-faint">
            {shortTime(createdAt)}
          </time>
        </span>
        <span className="line-clamp-2 wrap-anywhere text-ink-soft">
          {(row?.kind === 'group' || senderId === me._id) && `${author}: `}
          {parts.map((part, index) =>
            part.isFound ? (
              // biome-ignore lint/suspicious/noArrayIndexKey: the parts of one text have no other name
              <mark key={index} className="rounded-sm bg-notice px-px text-notice-ink">
                {part.text}
              </mark>
            ) : (
              part.text
            ),
          )}
          {attachments.length > 0 && (
            <span className="inline-flex items-center gap-1 align-bottom">
              {message.text !== '' && ' '}
              <Paperclip size={13} aria-hidden /> {filesInWords(attachments)}
            </span>
          )}
        </span>
      </span>
    </a>
  );
}

function nameIn(
  row: ConversationRow | undefined,
  id: string,
  me: { _id: string; fullName: string },
): string {
  if (id === me._id) return me.fullName;
  if (row?.kind === 'person') return row.name;
  return row?.group.members.find(({ _id }) => _id === id)?.fullName ?? 'Former member';
}
