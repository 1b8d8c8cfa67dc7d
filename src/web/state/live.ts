/** Hooks over the client library's changing parts. */
import { useCallback, useEffect, useMemo, useSyncExternalStore } from 'react';
import type { Message, PresenceState, ReplyReference } from '../../protocol/types.ts';
import { attention } from '../browser/attention.ts';
import { route } from '../browser/route.ts';
import { type Theme, theme } from '../browser/theme.ts';
import type { ConnectionStatus } from '../client/connection.ts';
import type { ConversationView, Summary } from '../client/message-store.ts';
import type { OutboxEntry } from '../client/outbox.ts';
import { useChat } from './chat.tsx';

export const useRoute = (): string => useSyncExternalStore(route.listen, route.current);
/** The message that the conversation was opened at; undefined: the newest ones. */
export function usePlace(): { seq: number; visit: string } | undefined {
  const place = useSyncExternalStore(route.listen, route.place);
  return useMemo(() => {
    const [seq, visit] = place.split('@');
    return seq ? { seq: Number(seq), visit: visit ?? '' } : undefined;
  }, [place]);
}
export const useIsOperations = (): boolean =>
  useSyncExternalStore(route.listen, route.isOperations);
export const useOpenPicture = (): string => useSyncExternalStore(route.listen, route.picture);
export const useTheme = (): Theme => useSyncExternalStore(theme.listen, theme.current);
export const useAttention = (): boolean =>
  useSyncExternalStore(attention.listen, attention.current);

export function useConnectionStatus(): ConnectionStatus {
  const { connection } = useChat().chat;
  return useSyncExternalStore(connection.changed.listen, () => connection.status);
}

export function useConversationView(conversationId: string): ConversationView {
  const { messages } = useChat().chat;
  return useSyncExternalStore(messages.changed.listen, () => messages.view(conversationId));
}

/** The message that another one answers, where it is known. */
export function useQuoted(conversationId: string, reply: ReplyReference): Message | undefined {
  const { messages } = useChat().chat;
  return useSyncExternalStore(messages.changed.listen, () =>
    messages.quoted(conversationId, reply),
  );
}

export function useSummaries(): ReadonlyMap<string, Summary> {
  const { messages } = useChat().chat;
  return useSyncExternalStore(messages.changed.listen, messages.summaries);
}

export function useOutboxEntries(conversationId: string): readonly OutboxEntry[] {
  const { outbox } = useChat().chat;
  return useSyncExternalStore(outbox.changed.listen, () => outbox.entriesOf(conversationId));
}

/** Bytes of a message's files that have left, of how many; undefined when none has to. */
export function useUploaded(clientId: string): { sent: number; total: number } | undefined {
  const { outbox } = useChat().chat;
  const listen = useCallback(
    (listener: () => void) => {
      const stops = [outbox.changed, outbox.uploader.progressed].map((one) => one.listen(listener));
      return () => {
        for (const stop of stops) stop();
      };
    },
    [outbox],
  );
  // Compared by what it says: a new object each time would never be the same.
  const text = useSyncExternalStore(listen, () => JSON.stringify(outbox.progressOf(clientId)));
  return useMemo(() => (text === undefined ? undefined : JSON.parse(text)), [text]);
}

/** The last message that somebody else has read in a conversation; 0 for nobody. */
export function useMemberRead(conversationId: string, userId: string | undefined): number {
  const { membersRead } = useChat().chat;
  return useSyncExternalStore(membersRead.changed.listen, () =>
    userId === undefined ? 0 : membersRead.of(conversationId, userId),
  );
}

/** The last message that a device of somebody else has received; 0 for nobody. */
export function useMemberDelivered(conversationId: string, userId: string | undefined): number {
  const { membersRead } = useChat().chat;
  return useSyncExternalStore(membersRead.changed.listen, () =>
    userId === undefined ? 0 : membersRead.deliveredOf(conversationId, userId),
  );
}

/** Ids of those who are writing in a conversation. */
export function useTyping(conversationId: string): readonly string[] {
  const { typing } = useChat().chat;
  return useSyncExternalStore(typing.changed.listen, () => typing.in(conversationId));
}

export function usePendingCount(): number {
  const { outbox } = useChat().chat;
  return useSyncExternalStore(outbox.changed.listen, outbox.pendingCount);
}

/** When sending goes on after the server's limit was met, by Date.now(); 0: it was not. */
export function useLimitedUntil(): number {
  const { outbox } = useChat().chat;
  return useSyncExternalStore(outbox.changed.listen, outbox.limitedUntil);
}

/** A person's presence, kept current for as long as the component is shown. */
export function usePresence(userId: string | undefined): PresenceState | undefined {
  const { presence } = useChat().chat;
  useEffect(() => (userId === undefined ? undefined : presence.show(userId)), [presence, userId]);
  const read = useCallback(
    () => (userId === undefined ? undefined : presence.of(userId)),
    [presence, userId],
  );
  return useSyncExternalStore(presence.changed.listen, read);
}
