import { type ReactNode, useMemo } from 'react';
import { useChat } from '../state/chat.tsx';
import type { Conversation } from '../state/conversations.ts';
import { ConversationActionsContext } from './conversation-actions.ts';
import { MessageRow } from './message-row.tsx';
import type { Row } from './rows.ts';
import { useSenders } from './sender.ts';
import type { Scroll } from './use-scroll.ts';

export interface MessageFrameProps {
  conversation: Conversation;
  /** For screen readers. */
  label: string;
  rows: readonly Row[];
  scroll: Pick<Scroll, 'ref' | 'onScroll'>;
  /** Shows the message of this number. */
  jumpTo: (seq: number) => void;
  /** Above the first row. */
  top: ReactNode;
  /** Over the list. */
  children: ReactNode;
}

/** Messages of a conversation that one scrolls through, whichever part of it they are. */
export function MessageFrame(props: MessageFrameProps) {
  const { conversation, label, rows, scroll, jumpTo, top, children } = props;
  const { chat } = useChat();
  const senderOf = useSenders(conversation);
  const { id } = conversation;
  const isAdmin = conversation.kind === 'group' && conversation.group.admins.includes(chat.ownId);
  const partnerId = conversation.kind === 'person' ? conversation.person._id : undefined;
  const actions = useMemo(
    () => ({ conversationId: id, partnerId, isAdmin, senderOf, jumpTo }),
    [id, partnerId, isAdmin, senderOf, jumpTo],
  );
  return (
    <ConversationActionsContext value={actions}>
      <div className="relative min-h-0 flex-1">
        <section
          ref={scroll.ref}
          // biome-ignore lint/a11y/noNoninteractiveTabindex: the keyboard scrolls what has the focus
          tabIndex={0}
          aria-label={label}
          className="h-full overflow-y-auto -outline-offset-2 [overflow-anchor:none]"
          onScroll={scroll.onScroll}
        >
          <div className="relative flex min-h-full flex-col justify-end">
            {top}
            <ol className="pb-3">
              {rows.map((row) => (
                <MessageRow
                  key={row.key}
                  row={row}
                  sender={row.isOwn || conversation.kind === 'person' ? undefined : senderOf(row)}
                />
              ))}
            </ol>
          </div>
        </section>
        {children}
      </div>
    </ConversationActionsContext>
  );
}
