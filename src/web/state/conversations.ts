/** The sidebar's list: people and groups as one, and finding one of them. */
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { limits } from '../../protocol/limits.ts';
import type { Group, User } from '../../protocol/types.ts';
import type { Summary } from '../client/message-store.ts';
import type { Recipient } from '../client/outbox.ts';
import { useDebounced } from '../ui/use-debounced.ts';
import { useChat } from './chat.tsx';
import { useSummaries } from './live.ts';
import { groupsQuery, peopleQuery } from './queries.ts';

interface Common {
  id: string;
  name: string;
  picture: string;
}

export type Conversation =
  | (Common & { kind: 'person'; person: User })
  | (Common & { kind: 'group'; group: Group });

export type ConversationRow = Conversation & { summary: Summary | undefined };

const collator = new Intl.Collator(undefined, { sensitivity: 'base' });

const ofPerson = (person: User, id: string): Conversation => ({
  kind: 'person',
  id,
  name: person.fullName,
  picture: person.profilePic,
  person,
});

const ofGroup = (group: Group): Conversation => ({
  kind: 'group',
  id: group._id,
  name: group.name,
  picture: group.groupPic,
  group,
});

/** Where a message of this conversation goes. */
export const recipientOf = (conversation: Conversation): Recipient =>
  conversation.kind === 'person'
    ? { to: conversation.person._id }
    : { groupId: conversation.group._id };

/** All conversations, the most recent first, then people without one by name. */
export function useConversations() {
  const { chat } = useChat();
  const people = useQuery(peopleQuery(chat));
  const groups = useQuery(groupsQuery(chat));
  const summaries = useSummaries();

  const rows = useMemo(() => {
    const all = [
      ...(people.data ?? []).map((person) => ofPerson(person, person.conversationId)),
      ...(groups.data ?? []).map(ofGroup),
    ];
    const recency = (row: Conversation) =>
      summaries.get(row.id)?.last?.createdAt ?? (row.kind === 'group' ? row.group.createdAt : '');
    return all
      .map((row) => ({ ...row, summary: summaries.get(row.id), recency: recency(row) }))
      .sort((a, b) =>
        a.recency === b.recency ? collator.compare(a.name, b.name) : a.recency < b.recency ? 1 : -1,
      );
  }, [people.data, groups.data, summaries]);

  return {
    rows,
    isPending: people.isPending || groups.isPending,
    isError: people.isError || groups.isError,
    retry: () => Promise.all([people.refetch(), groups.refetch()]),
  };
}

/**
 * People by name who are too far down for the list, which ends after the first thousand.
 * @param words nothing is asked while they are empty
 */
export function useDirectory(words: string): ConversationRow[] {
  const { chat } = useChat();
  const listed = useQuery(peopleQuery(chat)).data ?? [];
  const asked = useDebounced(words, 250);
  const found = useQuery({
    queryKey: ['directory', asked],
    queryFn: ({ signal }) => chat.api.searchUsers(asked, signal),
    enabled: asked !== '' && listed.length >= limits.sidebarMax,
  });
  const known = new Set([chat.ownId, ...listed.map((person) => person._id)]);
  return (found.data ?? [])
    .filter((person) => !known.has(person._id))
    .map((person) => ({
      ...ofPerson(person, [chat.ownId, person._id].sort().join('-')),
      summary: undefined,
    }));
}

export type Found =
  | { state: 'loading' | 'unknown' | 'failed' }
  | { state: 'found'; conversation: Conversation };

/** One conversation by its id, also with a person who is too far down for the list. */
export function useConversation(id: string): Found {
  const { chat } = useChat();
  const people = useQuery(peopleQuery(chat));
  const groups = useQuery(groupsQuery(chat));
  const peer = chat.peerOf(id);
  const person = people.data?.find((one) => one._id === peer);
  const isOwn = id.split('-').includes(chat.ownId);
  const stranger = useQuery({
    queryKey: ['user', peer],
    queryFn: () => chat.api.getUser(peer ?? ''),
    enabled: peer !== undefined && isOwn && people.data !== undefined && person === undefined,
  });

  if (peer !== undefined) {
    const someone = person ?? stranger.data;
    if (someone) return { state: 'found', conversation: ofPerson(someone, id) };
    if (!isOwn) return { state: 'unknown' };
    if (people.isError) return { state: 'failed' };
    return { state: stranger.isError ? 'unknown' : 'loading' };
  }
  const group = groups.data?.find((one) => one._id === id);
  if (group) return { state: 'found', conversation: ofGroup(group) };
  if (groups.isError) return { state: 'failed' };
  return { state: groups.isPending ? 'loading' : 'unknown' };
}
