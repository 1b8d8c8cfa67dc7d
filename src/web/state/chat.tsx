import { createContext, type ReactNode, use, useEffect, useState } from 'react';
import type { Group, OwnUser, User } from '../../protocol/types.ts';
import { createOutboxDatabase } from '../browser/outbox-database.ts';
import { uploadFile } from '../browser/upload.ts';
import { type ClientNotice, ParleyClient } from '../client/client.ts';
import { createDrafts, type Drafts } from './drafts.ts';
import {
  endSession,
  groupsQuery,
  meQuery,
  peopleQuery,
  queryClient,
  retryFailed,
} from './queries.ts';

interface SignedIn {
  chat: ParleyClient;
  drafts: Drafts;
  me: OwnUser;
}

const ChatContext = createContext<SignedIn | undefined>(undefined);

/** The signed-in person, their client and what they are writing. */
export function useChat() {
  const value = use(ChatContext);
  if (!value) throw new Error('Nobody is signed in here');
  return value;
}

/** Runs the client of the signed-in person for as long as it is mounted. */
export function ChatProvider({ me, children }: { me: OwnUser; children: ReactNode }) {
  const [chat] = useState(
    () =>
      new ParleyClient({
        baseUrl: '',
        ownId: me._id,
        storage: createOutboxDatabase(me._id),
        upload: uploadFile,
      }),
  );
  const [drafts] = useState(() => createDrafts(me._id));

  useEffect(() => {
    const stopListening = chat.notices.listen((notice) => takeNotice(chat, notice));
    const stopRetrying = chat.connection.changed.listen(() => {
      if (chat.connection.status === 'online') retryFailed();
    });
    const wake = () => chat.connection.wake();
    window.addEventListener('online', wake);
    window.addEventListener('offline', wake);
    // Of these the first that comes may be the last: phones end hidden pages without a word.
    const leave = () => chat.leave();
    const hide = () => {
      if (document.visibilityState === 'hidden') leave();
    };
    document.addEventListener('visibilitychange', hide);
    window.addEventListener('pagehide', leave);
    chat.start();
    return () => {
      stopListening();
      stopRetrying();
      window.removeEventListener('online', wake);
      window.removeEventListener('offline', wake);
      document.removeEventListener('visibilitychange', hide);
      window.removeEventListener('pagehide', leave);
      chat.stop();
    };
  }, [chat]);

  return <ChatContext value={{ chat, drafts, me }}>{children}</ChatContext>;
}

function takeNotice(chat: ParleyClient, notice: ClientNotice): void {
  const key = groupsQuery(chat).queryKey;
  const change = (next: (groups: Group[]) => Group[]) =>
    queryClient.setQueryData(key, (groups) => groups && next(groups));

  if (notice.type === 'userChanged') takeUser(chat, notice.user);
  else if (notice.type === 'sessionEnded') endSession(notice.message);
  else if (notice.type === 'peopleStale') {
    void queryClient.invalidateQueries({ queryKey: ['people'] });
  } else if (notice.type === 'listsStale') {
    for (const list of ['people', 'groups']) {
      void queryClient.invalidateQueries({ queryKey: [list] });
    }
  } else if (notice.type === 'groupGone') {
    change((groups) => groups.filter((group) => group._id !== notice.groupId));
  } else {
    const { group } = notice;
    change((groups) => {
      const old = groups.find((one) => one._id === group._id);
      return [{ ...old, ...group }, ...groups.filter((one) => one !== old)];
    });
  }
}

/** Puts a new or changed person into every list that shows them. */
function takeUser(chat: ParleyClient, { online = false, ...user }: User): void {
  const { _id, fullName, profilePic } = user;
  if (_id === chat.ownId) {
    queryClient.setQueryData(meQuery.queryKey, (me) => me && { ...me, fullName, profilePic });
  } else {
    queryClient.setQueryData(peopleQuery(chat).queryKey, (people) => {
      if (people === undefined) return undefined;
      if (people.some((one) => one._id === _id)) {
        return people.map((one) => (one._id === _id ? { ...one, fullName, profilePic } : one));
      }
      const conversationId = [chat.ownId, _id].sort().join('-');
      return [...people, { ...user, online, conversationId, unreadCount: 0, readSeq: 0, rev: 0 }];
    });
  }
  queryClient.setQueryData(groupsQuery(chat).queryKey, (groups) =>
    groups?.map((group) => ({
      ...group,
      members: group.members.map((one) =>
        one._id === _id ? { ...one, fullName, profilePic } : one,
      ),
    })),
  );
}
