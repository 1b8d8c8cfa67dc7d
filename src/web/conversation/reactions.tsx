import { clsx } from 'clsx';
import type { Message, Reaction } from '../../protocol/types.ts';
import { useChat } from '../state/chat.tsx';
import { useConversationActions } from './conversation-actions.ts';
import { useReact } from './use-react.ts';

const NAMES_SHOWN = 20;

/** The emoji on a message, with how many chose each; a click adds one's own or takes it back. */
export function Reactions({ message, isOwn }: { message: Message; isOwn: boolean }) {
  const { ownId } = useChat().chat;
  const react = useReact();
  const { senderOf } = useConversationActions();
  const { reactions = [] } = message;
  if (reactions.length === 0) return null;

  const names = ({ userIds }: Reaction): string => {
    const shown = userIds
      .slice(0, NAMES_SHOWN)
      .map((senderId) => (senderId === ownId ? 'You' : senderOf({ senderId }).name));
    const rest = userIds.length - shown.length;
    return [...shown, ...(rest > 0 ? [`${rest} more`] : [])].join(', ');
  };

  return (
    <ul
      aria-label="Reactions"
      className={clsx('relative -mt-1.5 flex flex-wrap gap-1 px-2', isOwn && 'justify-end')}
    >
      {reactions.map((reaction) => {
        const { emoji, userIds } = reaction;
        const isMine = userIds.includes(ownId);
        return (
          <li key={emoji}>
            <button
              type="button"
              aria-pressed={isMine}
              aria-label={`${emoji} ${userIds.length}: ${names(reaction)}`}
              title={names(reaction)}
              className={clsx(
                'flex h-7 items-center gap-1 rounded-full border px-2 text-sm tabular-nums shadow-card transition-colors',
                isMine
                  ? 'border-accent bg-accent-soft text-accent'
                  : 'border-line bg-raised text-ink-soft hover:bg-hover',
              )}
              onClick={() => react(message, emoji)}
            >
              <span aria-hidden>{emoji}</span>
              {userIds.length}
            </button>
          </li>
        );
      })}
    </ul>
  );
}
