import { useMutation } from '@tanstack/react-query';
import { useCallback, useEffect, useMemo, useState } from 'react';
import { goTo } from '../browser/route.ts';
import { explain } from '../client/errors.ts';
import { useChat } from '../state/chat.tsx';
import type { Conversation } from '../state/conversations.ts';
import { useConversationView, useOutboxEntries, useSummaries } from '../state/live.ts';
import { Announcer } from './announcer.tsx';
import { Beginning } from './beginning.tsx';
import { JumpButton } from './jump-button.tsx';
import { ListTop } from './list-top.tsx';
import { MessageFrame } from './message-frame.tsx';
import { keyAt, toRows } from './rows.ts';
import { useReading } from './use-reading.ts';
import { useScroll } from './use-scroll.ts';
import { useUnreadLine } from './use-unread-line.ts';

/** So many rows are drawn at first, and so many more each time one comes near the top. */
const STEP = 60;
/** What lies farther back is shown by itself, without loading all that is in between. */
export const NEAR_THE_END = 400;
const GONE = 'This message is no longer here.';
/** At the end of the conversation no more than this is kept on the page. */
const MOST_AT_END = 300;

export interface MessageListProps {
  conversation: Conversation;
  /** The message to show; absent: where one left off. */
  place?: { seq: number; visit: string } | undefined;
}

/** The messages of one conversation; older ones load as one scrolls up. */
export function MessageList({ conversation, place }: MessageListProps) {
  const { id } = conversation;
  const { chat, drafts } = useChat();
  const { messages, atStart } = useConversationView(id);
  const entries = useOutboxEntries(id);
  const unread = useSummaries().get(id)?.unread ?? 0;
  const unreadAfter = useUnreadLine(id);
  const all = useMemo(
    () => toRows(messages, entries, chat.ownId, unreadAfter),
    [messages, entries, chat.ownId, unreadAfter],
  );
  const [openAt] = useState(() => all.find((row) => row.isFirstUnread)?.key);
  // Numbers have no holes, so what is drawn begins at a number.
  const newestSeq = messages.at(-1)?.seq ?? 0;
  const [from, setFrom] = useState(newestSeq - Math.max(STEP, unread + STEP / 2));
  const rows = useMemo(
    () => all.filter((row) => row.kind === 'outgoing' || row.message.seq > from),
    [all, from],
  );
  const isWhole = rows.length === all.length;
  const { mutate, isPending, isError } = useMutation({ mutationFn: () => chat.loadOlder(id) });

  const showOlder = useCallback(() => {
    if (!isWhole) setFrom((seq) => seq - STEP);
    else if (!atStart && !isPending && !isError) mutate();
  }, [isWhole, atStart, isPending, isError, mutate]);

  const { ref, onScroll, isAtEnd, toEnd, toRow } = useScroll({
    firstKey: rows[0]?.key,
    rows,
    openAt,
    onNearTop: showOlder,
  });
  useReading(id, isAtEnd);
  if (isAtEnd && rows.length > MOST_AT_END) setFrom(newestSeq - MOST_AT_END / 2);

  // What one writes is what one wants to see.
  const newest = entries.at(-1)?.clientId;
  useEffect(() => {
    if (newest !== undefined) toEnd();
  }, [newest, toEnd]);

  const jump = useMutation({
    mutationFn: (seq: number) => chat.loadFrom(id, seq),
    onSuccess: (isThere, seq) => {
      const key = isThere ? keyAt(chat.messages.view(id).messages, seq, chat.ownId) : undefined;
      if (key === undefined) return drafts.change(id, { fault: GONE });
      setFrom((before) => Math.min(before, seq - STEP / 2));
      toRow(key);
    },
    onError: (error) => drafts.change(id, { fault: explain(error) }),
  });
  const { mutate: loadAndShow } = jump;
  const jumpTo = useCallback(
    (seq: number) => {
      if (seq < newestSeq - NEAR_THE_END) goTo(id, seq);
      else loadAndShow(seq);
    },
    [id, newestSeq, loadAndShow],
  );
  const leavePlace = () => {
    toEnd();
    goTo(id);
  };
  const { seq: placeSeq, visit } = place ?? {};
  // biome-ignore lint/correctness/useExhaustiveDependencies: a further visit shows it once more
  useEffect(() => {
    if (placeSeq !== undefined) loadAndShow(placeSeq);
  }, [placeSeq, visit, loadAndShow]);

  return (
    <MessageFrame
      conversation={conversation}
      label="Messages"
      rows={rows}
      scroll={{ ref, onScroll }}
      jumpTo={jumpTo}
      top={
        atStart && isWhole ? (
          <Beginning conversation={conversation} />
        ) : (
          <ListTop isLoading={isPending} retry={isError ? () => mutate() : undefined} />
        )
      }
    >
      {!isAtEnd && <JumpButton count={unread} onJump={leavePlace} />}
      <Announcer conversation={conversation} />
    </MessageFrame>
  );
}
