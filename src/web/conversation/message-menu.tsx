import { clsx } from 'clsx';
import { CheckCheck, Copy, Ellipsis, Pencil, Reply, SmilePlus, Trash2 } from 'lucide-react';
import { DropdownMenu } from 'radix-ui';
import { useState } from 'react';
import type { Message } from '../../protocol/types.ts';
import { useChat } from '../state/chat.tsx';
import { mentionsOf, withNames } from '../state/mentions.ts';
import { ConfirmDialog } from '../ui/confirm-dialog.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { LateEmojiPicker } from '../ui/late-emoji-picker.tsx';
import { Menu, MenuItem, MenuLine } from '../ui/menu.tsx';
import { useConversationActions } from './conversation-actions.ts';
import { useBeginDraft } from './draft.ts';
import { ReadersDialog } from './readers-dialog.tsx';
import { nameBy } from './sender.ts';
import { useReact } from './use-react.ts';

const quickEmoji = ['👍', '❤️', '😂', '😮', '😢', '🙏', '🎉', '🔥', '👏', '✅', '👀', '👎'];

/** What one can do with a stored message. Seen when the message is pointed at or has the focus. */
export function MessageMenu({ message, isOwn }: { message: Message; isOwn: boolean }) {
  const { chat } = useChat();
  const { conversationId, partnerId, isAdmin, senderOf } = useConversationActions();
  const begin = useBeginDraft(conversationId, senderOf);
  const react = useReact();
  const [isDeleting, setIsDeleting] = useState(false);
  const [isChoosing, setIsChoosing] = useState(false);
  const [asksReaders, setAsksReaders] = useState(false);
  const words = () =>
    withNames(message.text, mentionsOf(message.mentions, nameBy(senderOf), chat.ownId));
  return (
    <>
      <Menu
        align={isOwn ? 'end' : 'start'}
        trigger={
          <button
            type="button"
            aria-label="Message actions"
            title="Message actions"
            className={clsx(
              'grid size-8 shrink-0 place-items-center rounded-lg text-ink-faint transition-opacity',
              'hover:bg-hover hover:text-ink focus-visible:opacity-100 data-[state=open]:opacity-100',
              'pointer-fine:opacity-0 pointer-fine:group-hover/message:opacity-100',
            )}
          >
            <Ellipsis size={18} aria-hidden />
          </button>
        }
      >
        <div className="grid grid-cols-6 gap-0.5">
          {quickEmoji.map((emoji) => (
            <DropdownMenu.Item
              key={emoji}
              aria-label={`React with ${emoji}`}
              className="grid size-9 cursor-pointer place-items-center rounded-lg text-lg outline-none select-none data-highlighted:bg-hover"
              onSelect={() => react(message, emoji)}
            >
              {emoji}
            </DropdownMenu.Item>
          ))}
        </div>
        <MenuItem icon={<SmilePlus size={17} aria-hidden />} onSelect={() => setIsChoosing(true)}>
          More reactions
        </MenuItem>
        <MenuLine />
        <MenuItem icon={<Reply size={17} aria-hidden />} onSelect={() => begin.reply(message)}>
          Reply
        </MenuItem>
        {message.text !== '' && (
          <MenuItem
            icon={<Copy size={17} aria-hidden />}
            onSelect={() => void navigator.clipboard.writeText(words())}
          >
            Copy text
          </MenuItem>
        )}
        {isOwn && partnerId === undefined && (
          <MenuItem
            icon={<CheckCheck size={17} aria-hidden />}
            onSelect={() => setAsksReaders(true)}
          >
            Read by
          </MenuItem>
        )}
        {isOwn && (
          <MenuItem icon={<Pencil size={17} aria-hidden />} onSelect={() => begin.edit(message)}>
            Edit
          </MenuItem>
        )}
        {(isOwn || isAdmin) && (
          <MenuItem
            dangerous
            icon={<Trash2 size={17} aria-hidden />}
            onSelect={() => setIsDeleting(true)}
          >
            Delete
          </MenuItem>
        )}
      </Menu>
      {isChoosing && (
        <Dialog title="React" onClose={() => setIsChoosing(false)}>
          <LateEmojiPicker
            onPick={(emoji) => {
              setIsChoosing(false);
              react(message, emoji);
            }}
          />
        </Dialog>
      )}
      {asksReaders && <ReadersDialog message={message} onClose={() => setAsksReaders(false)} />}
      {isDeleting && (
        <ConfirmDialog
          title="Delete this message?"
          action="Delete"
          onConfirm={() => chat.delete(message._id)}
          onClose={() => setIsDeleting(false)}
        >
          It disappears for everyone in this conversation. This cannot be undone.
        </ConfirmDialog>
      )}
    </>
  );
}
