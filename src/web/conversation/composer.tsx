import { useMutation } from '@tanstack/react-query';
import { clsx } from 'clsx';
import { Check, SendHorizontal } from 'lucide-react';
import {
  type ClipboardEvent,
  type KeyboardEvent,
  useEffect,
  useLayoutEffect,
  useMemo,
  useRef,
} from 'react';
import { limits } from '../../protocol/limits.ts';
import { EVERYONE } from '../../protocol/mentions.ts';
import type { Message, ReplyReference } from '../../protocol/types.ts';
import { explain } from '../client/errors.ts';
import { useChat } from '../state/chat.tsx';
import { type Conversation, recipientOf } from '../state/conversations.ts';
import type { Draft } from '../state/drafts.ts';
import { withTokens } from '../state/mentions.ts';
import { counted } from '../state/wording.ts';
import { Fault } from '../ui/fault.tsx';
import { useAddFiles, useBeginDraft, useDraft } from './draft.ts';
import { DraftFiles } from './draft-files.tsx';
import { DraftNotice } from './draft-notice.tsx';
import { LimitNotice } from './limit-notice.tsx';
import { insertText, marksUp } from './mark-up.ts';
import { MentionList } from './mention-list.tsx';
import { PickEmoji } from './pick-emoji.tsx';
import { PickFiles } from './pick-files.tsx';
import { useSenders } from './sender.ts';
import { useMentionList } from './use-mention-list.ts';

/** How many characters before the limit the count is shown. */
const COUNT_FROM = limits.textLength - 300;

/** Where one writes. Enter sends, Shift and Enter begins a new line. */
export function Composer({ conversation }: { conversation: Conversation }) {
  const { chat } = useChat();
  const { id, name } = conversation;
  const { draft, setText, addMention, setFault, dropFile, dropReply, endEdit, edited, clear } =
    useDraft(id);
  const begin = useBeginDraft(id, useSenders(conversation));
  const add = useAddFiles(id);
  const input = useRef<HTMLTextAreaElement>(null);
  const group = conversation.kind === 'group' ? conversation.group : undefined;
  const others = useMemo(
    () => group?.members.filter(({ _id }) => _id !== chat.ownId) ?? [],
    [group?.members, chat.ownId],
  );
  const list = useMentionList({
    ...{ box: input, text: draft.text, members: others, onChoose: addMention },
  });
  const text = sentText(draft, group);
  const length = [...text].length;
  const isTooLong = length > limits.textLength;
  const { editing, replyTo } = draft;
  const hasFiles = draft.files !== undefined || editing?.message.attachments !== undefined;
  const save = useMutation({
    mutationFn: (change: { id: string; text: string; typed: string }) =>
      chat.edit(change.id, change.text),
    onSuccess: (_done, change) => edited(change.id, change.typed),
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
      else save.mutate({ id: editing.message._id, text, typed: draft.text.trim() });
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
    if (list.takesKey(event)) return;
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
      <div className="relative mx-auto max-w-3xl">
        {group && <MentionList list={list} memberCount={group.members.length} />}
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
              {...(group && { 'aria-autocomplete': 'list', 'aria-haspopup': 'listbox' })}
              {...(list.suggestions.length > 0 && {
                'aria-controls': list.listId,
                'aria-activedescendant': list.optionId(list.index),
              })}
              className={clsx(
                'max-h-52 min-h-10 flex-1 resize-none bg-transparent py-2 placeholder:text-ink-faint focus:outline-none',
                editing ? 'px-3' : 'px-1',
              )}
              onChange={(event) => {
                write(event.target.value);
                list.follow(event.target);
              }}
              onSelect={(event) => list.follow(event.currentTarget)}
              onBlur={list.leave}
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

/** What is sent of a draft: in groups with tokens for those who are named. */
function sentText(
  { text, mentions = [], editing }: Draft,
  group: Extract<Conversation, { kind: 'group' }>['group'] | undefined,
): string {
  if (group === undefined || !text.includes('@')) return text.trim();
  const members = group.members.map(({ _id, fullName }) => ({ id: _id, name: fullName }));
  // Who left meanwhile is not named by a new text, but stays so in one that is edited.
  const known = new Set([EVERYONE, ...members.map(({ id }) => id)]);
  for (const id of editing?.message.mentions ?? []) known.add(id);
  const chosen = mentions.filter(({ id }) => known.has(id));
  return withTokens(text, chosen, members).trim();
}

const referenceTo = ({ _id, seq, senderId }: Message): ReplyReference => ({ _id, seq, senderId });

/** The last message that one wrote and may still change. */
const lastOwn = (messages: readonly Message[], ownId: string): Message | undefined =>
  messages.findLast(({ senderId, deletedAt }) => senderId === ownId && deletedAt === undefined);
