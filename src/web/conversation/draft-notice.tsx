import { Pencil, Reply, X } from 'lucide-react';
import type { Conversation } from '../state/conversations.ts';
import type { Draft } from '../state/drafts.ts';
import { excerptOf } from '../state/wording.ts';
import { nameBy, useSenders } from './sender.ts';

export interface DraftNoticeProps {
  conversation: Conversation;
  draft: Draft;
  onClose: () => void;
}

/** Above what is being written: that it answers a message, or changes one. */
export function DraftNotice({ conversation, draft, onClose }: DraftNoticeProps) {
  const senderOf = useSenders(conversation);
  const { editing, replyTo } = draft;
  const message = editing?.message ?? replyTo;
  if (!message) return null;
  return (
    <div className="flex items-center gap-3 border-b border-line py-1.5 pr-1.5 pl-3.5 text-sm">
      <span className="text-accent">
        {editing ? <Pencil size={16} aria-hidden /> : <Reply size={16} aria-hidden />}
      </span>
      <p className="min-w-0 flex-1">
        <span className="block truncate font-medium text-accent">
          {editing ? 'Edit message' : `Reply to ${senderOf(message).name}`}
        </span>
        <span className="block truncate text-ink-soft">{excerptOf(message, nameBy(senderOf))}</span>
      </p>
      <button
        type="button"
        aria-label={editing ? 'Cancel the edit' : 'Cancel the reply'}
        title="Cancel (Esc)"
        className="grid size-9 shrink-0 place-items-center rounded-lg text-ink-faint hover:bg-hover hover:text-ink"
        onClick={onClose}
      >
        <X size={17} aria-hidden />
      </button>
    </div>
  );
}
