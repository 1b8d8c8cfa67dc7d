import { clsx } from 'clsx';
import { type CSSProperties, useEffect } from 'react';
import type { ReplyReference } from '../../protocol/types.ts';
import { askedDelay, isRetryable } from '../client/errors.ts';
import { useChat } from '../state/chat.tsx';
import { useConnectionStatus, useQuoted } from '../state/live.ts';
import { excerptOf, hueOf } from '../state/wording.ts';
import { useConversationActions } from './conversation-actions.ts';
import { nameBy } from './sender.ts';

const FIRST_PAUSE = 100;
const PAUSE = 5_000;

/** The message that one answers, above the answer. A click leads to it. */
export function Quote({ reply, isOwn }: { reply: ReplyReference; isOwn: boolean }) {
  const { chat } = useChat();
  const { conversationId, senderOf, jumpTo } = useConversationActions();
  const message = useQuoted(conversationId, reply);
  const isAsking = useConnectionStatus() === 'online' && message === undefined;
  const { _id, seq } = reply;

  useEffect(() => {
    if (!isAsking) return;
    const ask = () =>
      chat.loadQuoted(conversationId, { _id, seq }).catch((error: unknown) => {
        // What is not found stays without its words; the way to it is the same.
        if (isRetryable(error)) timer = setTimeout(ask, Math.max(PAUSE, askedDelay(error)));
      });
    // Not of rows that are only scrolled past.
    let timer = setTimeout(ask, FIRST_PAUSE);
    return () => clearTimeout(timer);
  }, [chat, conversationId, _id, seq, isAsking]);

  const { id, name } = senderOf(reply);
  const excerpt = message && excerptOf(message, nameBy(senderOf));
  return (
    <button
      type="button"
      aria-label={`Answers ${name}: ${excerpt ?? 'an earlier message'}`}
      className={clsx(
        'mb-1 block w-full max-w-full overflow-hidden rounded-lg border-l-3 px-2.5 py-1 text-left text-sm',
        isOwn ? 'border-accent bg-black/5 hover:bg-black/10' : 'border-line-strong bg-hover',
      )}
      onClick={() => jumpTo(reply.seq)}
    >
      <span
        className="tint-name block truncate font-medium"
        style={{ '--hue': hueOf(id) } as CSSProperties}
      >
        {id === chat.ownId ? 'You' : name}
      </span>
      <span
        className={clsx(
          'block truncate',
          message?.deletedAt === undefined ? 'text-ink-soft' : 'text-ink-faint italic',
        )}
      >
        {excerpt ?? '…'}
      </span>
    </button>
  );
}
