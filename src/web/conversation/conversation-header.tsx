import { ArrowLeft, Info, Search } from 'lucide-react';
import { useState } from 'react';
import type { PresenceState } from '../../protocol/types.ts';
import { goTo } from '../browser/route.ts';
import { GroupDialog } from '../groups/group-dialog.tsx';
import type { Conversation } from '../state/conversations.ts';
import { usePresence } from '../state/live.ts';
import { useSearch } from '../state/search.ts';
import { useTypingWords } from '../state/typing-words.ts';
import { useAway } from '../state/use-away.ts';
import { ago, counted } from '../state/wording.ts';
import { Avatar } from '../ui/avatar.tsx';
import { IconButton } from '../ui/button.tsx';

const bar = 'flex h-16 shrink-0 items-center gap-3 border-b border-line bg-panel px-3 md:px-5';

/** Whom one is talking with. */
export function ConversationHeader({ conversation }: { conversation: Conversation }) {
  const [isOpen, setIsOpen] = useState(false);
  const { name, picture } = conversation;
  const isGroup = conversation.kind === 'group';
  return (
    <header className={bar}>
      <IconButton
        label="Back to all conversations"
        className="-mr-2 md:hidden"
        onClick={() => goTo('')}
      >
        <ArrowLeft size={20} aria-hidden />
      </IconButton>
      <Avatar
        id={isGroup ? conversation.id : conversation.person._id}
        name={name}
        picture={picture}
        isGroup={isGroup}
      />
      <div className="min-w-0 flex-1">
        <h1 className="truncate text-base leading-5 font-semibold">{name}</h1>
        <StateLine conversation={conversation} />
      </div>
      <IconButton label="Search in this conversation" onClick={() => searchIn(conversation.id)}>
        <Search size={19} aria-hidden />
      </IconButton>
      {isGroup && (
        <IconButton label="Group details" onClick={() => setIsOpen(true)}>
          <Info size={19} aria-hidden />
        </IconButton>
      )}
      {isGroup && isOpen && (
        <GroupDialog group={conversation.group} onClose={() => setIsOpen(false)} />
      )}
    </header>
  );
}

/** In the sidebar, which a narrow window shows in the place of the conversation. */
function searchIn(conversationId: string): void {
  if (!matchMedia('(min-width: 48rem)').matches) goTo('');
  useSearch.getState().beginIn(conversationId);
}

/** Who is writing; else who belongs to the group, or whether the person is there. */
function StateLine({ conversation }: { conversation: Conversation }) {
  const writing = useTypingWords(conversation);
  if (writing !== '') {
    return <p className="truncate text-sm text-accent">{writing}</p>;
  }
  if (conversation.kind === 'person') return <PresenceLine userId={conversation.person._id} />;
  return (
    <p className="truncate text-sm text-ink-soft">
      {counted(conversation.group.members.length, 'member')}
    </p>
  );
}

function PresenceLine({ userId }: { userId: string }) {
  const presence = usePresence(userId);
  const isAway = useAway();
  return (
    <p className="flex items-center gap-1.5 truncate text-sm text-ink-soft">
      {presence?.online && (
        <span aria-hidden className="size-2 rounded-full bg-online in-data-away:bg-ink-faint" />
      )}
      {wording(presence, isAway)}
    </p>
  );
}

function wording(presence: PresenceState | undefined, isAway: boolean): string {
  if (!presence) return '\u00A0';
  if (!presence.online) return `Last seen ${ago(presence.lastSeenAt)}`;
  return isAway ? 'Was online' : 'Online';
}

export function HeaderSkeleton() {
  return (
    <div className={bar}>
      <div className="size-10 animate-pulse rounded-full bg-hover" />
      <div className="h-3.5 w-36 animate-pulse rounded bg-hover" />
    </div>
  );
}
