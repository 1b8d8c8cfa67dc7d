import { useQuery } from '@tanstack/react-query';
import { CloudOff, MessageCircleQuestion } from 'lucide-react';
import { useEffect, useMemo, useRef, useState } from 'react';
import { goTo } from '../browser/route.ts';
import { explain } from '../client/errors.ts';
import { useChat } from '../state/chat.tsx';
import { type Conversation, useConversation } from '../state/conversations.ts';
import {
  useConnectionStatus,
  useConversationView,
  useOutboxEntries,
  usePlace,
  useSummaries,
} from '../state/live.ts';
import { Button } from '../ui/button.tsx';
import { MessagePage } from '../ui/message-page.tsx';
import { Composer } from './composer.tsx';
import { ConversationHeader, HeaderSkeleton } from './conversation-header.tsx';
import { DropTarget } from './drop-target.tsx';
import { MessageList, NEAR_THE_END } from './message-list.tsx';
import { MessageWindow } from './message-window.tsx';
import { MessagesSkeleton } from './messages-skeleton.tsx';

/** The right-hand side: one conversation, or why there is none. */
export function ConversationPane({ id }: { id: string }) {
  const found = useConversation(id);
  const name = found.state === 'found' ? found.conversation.name : '';
  const [knownAs, setKnownAs] = useState(name);
  if (name !== '' && name !== knownAs) setKnownAs(name);
  if (found.state === 'found') return <OpenConversation conversation={found.conversation} />;
  if (found.state === 'loading') {
    return (
      <section className="flex h-full flex-col" aria-label="Conversation" aria-busy>
        <HeaderSkeleton />
        <MessagesSkeleton />
      </section>
    );
  }
  if (found.state === 'failed') {
    return (
      <MessagePage icon={<CloudOff aria-hidden />} title="The server cannot be reached">
        <p>The conversation opens as soon as the connection is back.</p>
      </MessagePage>
    );
  }
  return (
    <MessagePage
      icon={<MessageCircleQuestion aria-hidden />}
      title={knownAs === '' ? 'No such conversation' : `You are no longer in “${knownAs}”`}
    >
      <p>
        {knownAs === ''
          ? 'It does not exist, was deleted, or you are no longer a member.'
          : 'An administrator has removed you, or the group was deleted.'}
      </p>
      <Button className="mt-5" onClick={() => goTo('')}>
        To all conversations
      </Button>
    </MessagePage>
  );
}

/** What one writes is what one wants to see. */
function useGoToOwn(id: string, isFarBack: boolean): void {
  const newest = useOutboxEntries(id).at(-1)?.clientId;
  const seen = useRef(newest);
  useEffect(() => {
    const isNew = newest !== undefined && newest !== seen.current;
    seen.current = newest;
    if (isNew && isFarBack) goTo(id);
  }, [id, newest, isFarBack]);
}

function OpenConversation({ conversation }: { conversation: Conversation }) {
  const { chat } = useChat();
  const { id } = conversation;
  const view = useConversationView(id);
  const first = useQuery({
    queryKey: ['opened', id],
    queryFn: async () => {
      await chat.openConversation(id);
      return true;
    },
    enabled: !view.ready,
  });
  const isOnline = useConnectionStatus() === 'online';
  // Again after each time away: what was told meanwhile was not heard.
  useQuery({
    queryKey: ['partner-read', id],
    queryFn: async () => {
      await chat.loadPartnerRead(id);
      return true;
    },
    enabled: isOnline && conversation.kind === 'person',
    staleTime: 0,
  });
  const isReady = view.ready || first.isSuccess;
  const place = usePlace();
  const newestSeq = useSummaries().get(id)?.last?.seq ?? view.messages.at(-1)?.seq ?? 0;
  // When it was opened there: what comes in meanwhile moves nobody.
  // biome-ignore lint/correctness/useExhaustiveDependencies: see above
  const isFarBack = useMemo(
    () => place !== undefined && place.seq < newestSeq - NEAR_THE_END,
    [place],
  );
  useGoToOwn(id, isFarBack);

  return (
    <section className="h-full" aria-label={`Conversation with ${conversation.name}`}>
      <DropTarget conversationId={id}>
        <ConversationHeader conversation={conversation} />
        {isReady && isFarBack && place ? (
          <MessageWindow
            key={place.visit}
            conversation={conversation}
            seq={place.seq}
            newestSeq={newestSeq}
          />
        ) : isReady ? (
          <MessageList conversation={conversation} place={place} />
        ) : first.isError ? (
          <div className="min-h-0 flex-1">
            <MessagePage icon={<CloudOff aria-hidden />} title="The messages could not be loaded">
              <p>{explain(first.error)}</p>
              <Button className="mt-5" busy={first.isFetching} onClick={() => first.refetch()}>
                Try again
              </Button>
            </MessagePage>
          </div>
        ) : (
          <MessagesSkeleton />
        )}
        <Composer conversation={conversation} />
      </DropTarget>
    </section>
  );
}
