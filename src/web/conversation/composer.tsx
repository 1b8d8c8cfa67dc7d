import { useMutation } from '@tanstack/react-query';
import { clsx } from 'clsx';
import { Check, SendHorizontal } from 'lucide-react';
import { type ClipboardEvent, type KeyboardEvent, useEffect, useLayoutEffect, useRef } from 'react';
import { limits } from '../../protocol/limits.ts';
import type { Message, ReplyReference } from '../../protocol/types.ts';
import { explain } from '../client/errors.ts';
import { useChat } from '../state/chat.tsx';
import { type Conversation, recipientOf } from '../state/conversations.ts';
import { counted } from '../state/wording.ts';
import { Fault } from '../ui/fault.tsx';
import { useAddFiles, useBeginDraft, useDraft } from './draft.ts';
import { DraftFiles } from './draft-files.tsx';
import { DraftNotice } from './draft-notice.tsx';
import { LimitNotice } from './limit-notice.tsx';
import { insertText, marksUp } from './mark-up.ts';
import { PickEmoji } from './pick-emoji.tsx';
import { PickFiles } from './pick-files.tsx';

/** How many characters before the limit the count is shown. */
const COUNT_FROM = limits.textLength - 300;

/** Where one writes. Enter sends, Shift and Enter begins a new line. */
export function Composer({ conversation }: { conversation: Conversation }) {
  const { chat } = useChat();
  const { id, name } = conversation;
  const { draft, setText, setFault, dropFile, dropReply, endEdit, edited, clear } = useDraft(id);
  const begin = useBeginDraft(id);
  const add = useAddFiles(id);
  const input = useRef<HTMLTextAreaElement>(null);
  const text = draft.text.trim();
  const length = [...text].length;
  const isTooLong = length > limits.textLength;
  const { editing, replyTo } = draft;
  const hasFiles = draft.files !== undefined || editing?.message.attachments !== undefined;
  const save = useMutation({
    mutationFn: (change: { id: string; text: string }) => chat.edit(change.id, change.text),
    onSuccess: (_done, change) => edited(change.id, change.text),
    onError: (error) => setFault(explain(error)),
  });
  const maySend = (text !== '' || hasFiles) && !isTooLong && !save.isPending;

  useLayoutEffect(() => {
    const box = input.current;
    if (!box) return;
    box.style.height = 'auto';
    // An empty box has no text to measure.
    if (draft.text !== '') box.style.height = `${box.scrollHeight}px`;
  }, [draft.text]);

  // Whoever answers or edits goes on writing, on a phone, too.
  const subject = editing?.message._id ?? replyTo?._id;
  useEffect(() => {
    const box = input.current;
    if (subject === undefined || !box) return;
    box.focus();
    box.setSelectionRange(box.value.length, box.value.length);
  }, [subject]);

  // Whoever opens a conversation wants to write; on a phone the keyboard would cover it.
  useEffect(() => {
    if (matchMedia('(pointer: fine)').matches) input.current?.focus();
  }, []);

  const write = (words: string) => {
    setText(words);
    if (editing) return;
    if (words.trim() === '') chat.typing.stopped(id);
    else chat.typing.wrote(id);
  };

  const send = () => {
    if (!maySend) return;
    if (editing) {
      if (text === editing.message.text) endEdit();
      else save.mutate({ id: editing.message._id, text });
      return;
    }
    chat.outbox.add(id, recipientOf(conversation), {
      text,
      ...(draft.files ? { files: draft.files } : {}),
      ...(replyTo ? { replyTo: referenceTo(replyTo) } : {}),
    });
    chat.typing.sent(id);
    clear();
    input.current?.focus();
  };

  const leave = editing ? endEdit : replyTo ? dropReply : undefined;

  const onKeyDown = (event: KeyboardEvent<HTMLTextAreaElement>) => {
    if (!event.nativeEvent.isComposing && marksUp(event)) {
      event.preventDefault();
      return;
    }
    if (event.key === 'Escape' && leave && !event.nativeEvent.isComposing) {
      event.preventDefault();
      leave();
    }
    if (event.key === 'ArrowUp' && draft.text === '' && !editing) {
      const last = lastOwn(chat.messages.view(id).messages, chat.ownId);
      if (!last) return;
      event.preventDefault();
      begin.edit(last);
    }
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
          {leave && <DraftNotice conversation={conversation} draft={draft} onClose={leave} />}
          {draft.files && <DraftFiles files={draft.files} onRemove={dropFile} />}
          <div className="flex items-end gap-0.5 p-1">
            {!editing && <PickFiles onPick={add} />}
            <textarea
              ref={input}
              rows={1}
              aria-label={`Message to ${name}`}
              placeholder="Write a message"
              value={draft.text}
              aria-invalid={isTooLong}
              className={clsx(
                'max-h-52 min-h-10 flex-1 resize-none bg-transparent py-2 placeholder:text-ink-faint focus:outline-none',
                editing ? 'px-3' : 'px-1',
              )}
              onChange={(event) => write(event.target.value)}
              onKeyDown={onKeyDown}
              onPaste={onPaste}
            />
            <PickEmoji onPick={(emoji) => input.current && insertText(input.current, emoji)} />
            <button
              type="submit"
              aria-label={editing ? 'Save' : 'Send'}
              title={
                isTooLong
                  ? 'The text is too long'
                  : maySend
                    ? editing
                      ? 'Save'
                      : 'Send'
                    : 'Write something first'
              }
              disabled={!maySend}
              className="grid size-10 shrink-0 place-items-center rounded-xl text-accent transition-colors hover:bg-accent-soft disabled:text-ink-faint disabled:hover:bg-transparent"
            >
              {editing ? <Check size={20} aria-hidden /> : <SendHorizontal size={20} aria-hidden />}
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

const referenceTo = ({ _id, seq, senderId }: Message): ReplyReference => ({ _id, seq, senderId });

/** The last message that one wrote and may still change. */
const lastOwn = (messages: readonly Message[], ownId: string): Message | undefined =>
  messages.findLast(({ senderId, deletedAt }) => senderId === ownId && deletedAt === undefined);
