import { clsx } from 'clsx';
import { SendHorizontal } from 'lucide-react';
import { type ClipboardEvent, type KeyboardEvent, useEffect, useLayoutEffect, useRef } from 'react';
import { limits } from '../../protocol/limits.ts';
import { useChat } from '../state/chat.tsx';
import { type Conversation, recipientOf } from '../state/conversations.ts';
import { counted } from '../state/wording.ts';
import { Fault } from '../ui/fault.tsx';
import { useAddPicture, useDraft } from './draft.ts';
import { DraftPicture } from './draft-picture.tsx';
import { LimitNotice } from './limit-notice.tsx';
import { PickPicture } from './pick-picture.tsx';

/** How many characters before the limit the count is shown. */
const COUNT_FROM = limits.textLength - 300;

/** Where one writes. Enter sends, Shift and Enter begins a new line. */
export function Composer({ conversation }: { conversation: Conversation }) {
  const { chat } = useChat();
  const { id, name } = conversation;
  const { draft, setText, dropImage, clear } = useDraft(id);
  const add = useAddPicture(id);
  const input = useRef<HTMLTextAreaElement>(null);
  const text = draft.text.trim();
  const length = [...text].length;
  const isTooLong = length > limits.textLength;
  const maySend = (text !== '' || draft.image !== undefined) && !isTooLong;

  useLayoutEffect(() => {
    const box = input.current;
    if (!box) return;
    box.style.height = 'auto';
    // An empty box has no text to measure.
    if (draft.text !== '') box.style.height = `${box.scrollHeight}px`;
  }, [draft.text]);

  // Whoever opens a conversation wants to write; on a phone the keyboard would cover it.
  useEffect(() => {
    if (matchMedia('(pointer: fine)').matches) input.current?.focus();
  }, []);

  const send = () => {
    if (!maySend) return;
    chat.outbox.add(id, recipientOf(conversation), {
      text,
      ...(draft.image ? { image: draft.image } : {}),
    });
    clear();
    input.current?.focus();
  };

  const onKeyDown = (event: KeyboardEvent) => {
    // While an input method composes a word, Enter takes the word.
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    send();
  };

  const onPaste = (event: ClipboardEvent) => {
    if (event.clipboardData.files.length === 0) return;
    event.preventDefault();
    void add([...event.clipboardData.files]);
  };

  return (
    <form
      className="shrink-0 px-3 pt-3 pb-[max(0.75rem,env(safe-area-inset-bottom))] md:px-6 md:pb-5"
      aria-label="Write a message"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <div className="mx-auto max-w-3xl">
        <LimitNotice />
        {draft.fault && <Fault className="mb-2">{draft.fault}</Fault>}
        <div className="rounded-2xl border border-line-strong bg-raised shadow-card focus-within:border-accent focus-within:outline focus-within:outline-accent">
          {draft.image && <DraftPicture image={draft.image} onRemove={dropImage} />}
          <div className="flex items-end gap-0.5 p-1">
            <PickPicture onPick={add} />
            <textarea
              ref={input}
              rows={1}
              aria-label={`Message to ${name}`}
              placeholder="Write a message"
              value={draft.text}
              aria-invalid={isTooLong}
              className="max-h-52 min-h-10 flex-1 resize-none bg-transparent px-1 py-2 placeholder:text-ink-faint focus:outline-none"
              onChange={(event) => setText(event.target.value)}
              onKeyDown={onKeyDown}
              onPaste={onPaste}
            />
            <button
              type="submit"
              aria-label="Send"
              title={
                isTooLong ? 'The text is too long' : maySend ? 'Send' : 'Write something first'
              }
              disabled={!maySend}
              className="grid size-10 shrink-0 place-items-center rounded-xl text-accent transition-colors hover:bg-accent-soft disabled:text-ink-faint disabled:hover:bg-transparent"
            >
              <SendHorizontal size={20} aria-hidden />
            </button>
          </div>
          {length > COUNT_FROM && (
            <p
              role="status"
              className={clsx(
                'px-3 pb-2 text-right text-xs tabular-nums',
                isTooLong ? 'font-medium text-danger' : 'text-ink-faint',
              )}
            >
              {isTooLong
                ? `${counted(length - limits.textLength, 'character')} too many`
                : `${counted(limits.textLength - length, 'character')} left`}
            </p>
          )}
        </div>
      </div>
    </form>
  );
}
