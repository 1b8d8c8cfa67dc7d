import { useInfiniteQuery } from '@tanstack/react-query';
import { CloudOff } from 'lucide-react';
import { useCallback, useEffect, useMemo, useRef } from 'react';
import type { Message } from '../../protocol/types.ts';
import { goTo } from '../browser/route.ts';
import { explain } from '../client/errors.ts';
import { useChat } from '../state/chat.tsx';
import type { Conversation } from '../state/conversations.ts';
import { queryClient } from '../state/queries.ts';
import { Button } from '../ui/button.tsx';
import { MessagePage } from '../ui/message-page.tsx';
import { JumpButton } from './jump-button.tsx';
import { ListTop } from './list-top.tsx';
import { MessageFrame } from './message-frame.tsx';
import { MessagesSkeleton } from './messages-skeleton.tsx';
import { keyAt, toRows } from './rows.ts';
import { useScroll } from './use-scroll.ts';

export interface MessageWindowProps {
  conversation: Conversation;
  /** The message in the middle of it. */
  seq: number;
  /** Number of the conversation's last message. */
  newestSeq: number;
}

type Page = { around: number } | { before: number } | { after: number };

/**
 * Messages far back, around one of them: the pages in between are not loaded. One goes on in both
 * directions by scrolling; nothing counts as read here.
 */
export function MessageWindow({ conversation, seq, newestSeq }: MessageWindowProps) {
  const { id } = conversation;
  const { chat } = useChat();
  const pages = useWindow(id, seq, newestSeq);
  const { data, fetchNextPage, fetchPreviousPage } = pages;
  const messages = useMemo(() => data?.pages.flat() ?? [], [data]);
  const rows = useMemo(
    () => toRows(messages, [], chat.ownId, Number.POSITIVE_INFINITY),
    [messages, chat.ownId],
  );
  const wanted = keyAt(messages, seq, chat.ownId);

  const { hasPreviousPage, hasNextPage, isFetching, isError } = pages;
  const showOlder = useCallback(() => {
    if (hasPreviousPage && !isFetching && !isError) void fetchPreviousPage();
  }, [hasPreviousPage, isFetching, isError, fetchPreviousPage]);
  const showNewer = useCallback(() => {
    if (hasNextPage && !isFetching && !isError) void fetchNextPage();
  }, [hasNextPage, isFetching, isError, fetchNextPage]);
  const { ref, onScroll, toRow } = useScroll({
    firstKey: rows[0]?.key,
    rows,
    openAt: undefined,
    onNearTop: showOlder,
    onNearEnd: showNewer,
    followsEnd: false,
  });
  useEffect(() => {
    if (wanted !== undefined) toRow(wanted);
  }, [wanted, toRow]);

  const jumpTo = useCallback(
    (to: number) => {
      const key = keyAt(messages, to, chat.ownId);
      if (key === undefined) goTo(id, to);
      else toRow(key);
    },
    [messages, chat.ownId, id, toRow],
  );
  if (pages.isPending) return <MessagesSkeleton />;
  if (pages.isError && rows.length === 0) {
    return (
      <div className="min-h-0 flex-1">
        <MessagePage icon={<CloudOff aria-hidden />} title="The message could not be loaded">
          <p>{explain(pages.error)}</p>
          <Button className="mt-5" busy={isFetching} onClick={() => pages.refetch()}>
            Try again
          </Button>
        </MessagePage>
      </div>
    );
  }
  return (
    <MessageFrame
      conversation={conversation}
      label="Earlier in this conversation"
      rows={rows}
      scroll={{ ref, onScroll }}
      jumpTo={jumpTo}
      top={
        <ListTop
          isLoading={pages.isFetchingPreviousPage}
          retry={pages.isFetchPreviousPageError ? () => fetchPreviousPage() : undefined}
        />
      }
    >
      <JumpButton count={0} onJump={() => goTo(id)} />
    </MessageFrame>
  );
}

/** Pages on both sides of a message, each ascending; changes of what is shown come in live. */
function useWindow(conversationId: string, seq: number, newestSeq: number) {
  const { chat } = useChat();
  const queryKey = useMemo(() => ['window', conversationId, seq], [conversationId, seq]);
  /** What was told meanwhile: a page that is on its way may be of before. */
  const told = useRef(new Map<string, Message>());

  useEffect(
    () =>
      chat.messageChanged.listen((changed) => {
        if (changed.conversationId !== conversationId) return;
        told.current.set(changed._id, changed);
        queryClient.setQueryData<{ pages: Message[][]; pageParams: Page[] }>(
          queryKey,
          (held) => held && { ...held, pages: held.pages.map((page) => withChange(page, changed)) },
        );
      }),
    [chat, conversationId, queryKey],
  );

  return useInfiniteQuery({
    queryKey,
    queryFn: async ({ pageParam }) => {
      const { data } = await chat.page(conversationId, pageParam);
      return data.map((one) => newer(one, told.current.get(one._id)));
    },
    initialPageParam: { around: seq } as Page,
    getPreviousPageParam: (first): Page | undefined => {
      const before = first[0]?.seq ?? 1;
      return before > 1 ? { before } : undefined;
    },
    getNextPageParam: (last): Page | undefined => {
      const after = last.at(-1)?.seq;
      return after !== undefined && after < newestSeq ? { after } : undefined;
    },
    // What changes is told; all pages again would move what one reads.
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
  });
}

const newer = (one: Message, changed: Message | undefined): Message =>
  changed !== undefined && one.rev < changed.rev ? changed : one;

const withChange = (page: Message[], changed: Message): Message[] =>
  page.some(({ _id }) => _id === changed._id)
    ? page.map((one) => (one._id === changed._id ? newer(one, changed) : one))
    : page;
