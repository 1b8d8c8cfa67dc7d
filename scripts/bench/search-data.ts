/**
 * What is searched: messages whose words follow Zipf's law, in conversations of one person and of
 * others. Everything follows from a fixed seed.
 */
import { directConversationId } from '../../src/features/conversations/conversation-id.ts';
import type {
  ConversationRecord,
  MembershipRecord,
} from '../../src/features/conversations/conversations.store.ts';
import type { MessageRecord } from '../../src/features/messages/messages.store.ts';
import { createSearchStore } from '../../src/features/search/search.store.ts';
import { toTerms } from '../../src/features/search/search-index.ts';
import { createIndexes } from '../../src/infra/mongo.ts';
import type { Database } from '../lib/program.ts';
import { insertAll } from '../seed/bulk.ts';
import { idAt } from '../seed/ids.ts';
import type { PlannedConversation } from '../seed/plan.ts';
import { createRandom, createSampler, type Random, zipfWeights } from '../seed/random.ts';

const VOCABULARY = 50_000;
/** Conversations of the one who searches, and of others. */
const OWN = 200;
const OTHERS = 1_800;
/** Of all messages so many are in own conversations. */
const OWN_SHARE = 0.4;
const GROUPS = 60;
const MARKER = 'be9c5ea4c4';
/** The first message; one more every 30 s. */
const BEGAN_AT = Date.UTC(2025, 10, 1);
const EVERY_MS = 30_000;

export interface SearchData {
  /** The most frequent first. */
  vocabulary: string[];
  own: PlannedConversation[];
}

/** @param userIds the first one searches; at least 150 */
export async function fillForSearch(
  { models, db, connection, uri }: Database,
  userIds: string[],
  messages: number,
): Promise<SearchData> {
  const random = createRandom('search');
  const vocabulary = makeVocabulary(random);
  const conversations = makeConversations(userIds, random);
  const own = conversations.slice(0, OWN);
  const store = createSearchStore(connection);
  const into = <T extends { _id: string }>(model: { collection: { collectionName: string } }) =>
    db.collection<T>(model.collection.collectionName);
  const signal = new AbortController().signal;
  const written = createWriter(conversations, vocabulary, random);
  await insertAll(
    into<MessageRecord>(models.messages),
    written.messages(messages),
    signal,
    undefined,
    (batch) => store.insert(batch.map(toTerms)),
  );
  await insertAll(into<ConversationRecord>(models.conversations), written.heads(), signal);
  await insertAll(into<MembershipRecord>(models.memberships), memberships(conversations), signal);
  await createIndexes(connection, uri);
  await store.claimCompleteness();
  return { vocabulary, own };
}

/** Pronounceable, all different. */
function makeVocabulary(random: Random): string[] {
  const [consonants, vowels] = [[...'bcdfghjklmnprstvwz'], [...'aeiou']];
  const words = new Set<string>();
  while (words.size < VOCABULARY) {
    let word = '';
    for (let syllables = 2 + random.below(3); syllables > 0; syllables--) {
      word += random.pick(consonants) + random.pick(vowels);
    }
    words.add(random.below(2) === 0 ? word : word + random.pick(consonants));
  }
  return [...words];
}

function makeConversations(userIds: string[], random: Random): PlannedConversation[] {
  const [searcher = '', ...others] = userIds;
  const made = new Map<string, PlannedConversation>();
  const addGroup = (first: string): void => {
    const memberIds = [
      ...new Set([first, ...Array.from({ length: 9 }, () => random.pick(others))]),
    ];
    const _id = idAt(MARKER, BEGAN_AT, made.size);
    made.set(_id, { _id, kind: 'group', memberIds });
  };
  const addDirect = (one: string, other: string): void => {
    const _id = directConversationId(one, other);
    if (one !== other) made.set(_id, { _id, kind: 'direct', memberIds: [one, other] });
  };
  while (made.size < GROUPS) addGroup(searcher);
  for (const other of others.slice(0, OWN - GROUPS)) addDirect(searcher, other);
  while (made.size < OWN + OTHERS) addDirect(random.pick(others), random.pick(others));
  return [...made.values()];
}

function createWriter(conversations: PlannedConversation[], vocabulary: string[], random: Random) {
  const ownWeights = zipfWeights(OWN, 0.8);
  const otherWeights = zipfWeights(OTHERS, 0.8);
  const share = (weights: number[], all: number): number[] => {
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return weights.map((weight) => (weight * all) / total);
  };
  const pickConversation = createSampler([
    ...share(ownWeights, OWN_SHARE),
    ...share(otherWeights, 1 - OWN_SHARE),
  ]);
  const pickWord = createSampler(zipfWeights(vocabulary.length));
  const text = (): string =>
    Array.from({ length: 3 + random.below(20) }, () => vocabulary[pickWord(random)]).join(' ');
  const lasts = new Map<PlannedConversation, MessageRecord>();

  function* messages(count: number): Generator<MessageRecord> {
    for (let number = 0; number < count; number++) {
      const conversation = conversations[pickConversation(random)] as PlannedConversation;
      const at = BEGAN_AT + number * EVERY_MS;
      const createdAt = new Date(at);
      const _id = idAt(MARKER, at, number);
      const message: MessageRecord = {
        _id,
        conversationId: conversation._id,
        seq: (lasts.get(conversation)?.seq ?? 0) + 1,
        senderId: random.pick(conversation.memberIds),
        clientId: _id,
        text: text(),
        contentHash: '',
        rev: 0,
        createdAt,
        updatedAt: createdAt,
      };
      lasts.set(conversation, message);
      yield message;
    }
  }

  function* heads(): Generator<ConversationRecord> {
    for (const { _id, kind, ...conversation } of conversations) {
      const last = [...lasts].find(([one]) => one._id === _id)?.[1];
      yield {
        _id,
        kind,
        last: { seq: last?.seq ?? 0, id: last?._id ?? '', ...(last ? { at: last.createdAt } : {}) },
        rev: 0,
        headAt: last?.createdAt ?? null,
        sent: Object.fromEntries(conversation.memberIds.map((id) => [id, 0])),
        membersVersion: 0,
        createdAt: new Date(BEGAN_AT),
      };
    }
  }
  return { messages, heads };
}

function* memberships(conversations: PlannedConversation[]): Generator<MembershipRecord> {
  let number = 0;
  for (const { _id: conversationId, memberIds } of conversations) {
    for (const userId of memberIds) {
      yield {
        ...{ _id: idAt(MARKER, BEGAN_AT, number++), conversationId, userId, role: 'member' },
        ...{ joinedAt: new Date(BEGAN_AT), fromSeq: 0, readSeq: 0 },
      };
    }
  }
}
