/**
 * The only writer of messages.
 *
 * Numbers are given at the insert: the last seq of each conversation (remembered, else read),
 * then one ordered insertMany with majority and journal; the conversations' heads follow behind
 * (conversations/heads.ts). A counter that is raised first and used later would leave a hole
 * when the process dies in between; here the unique index (conversation, seq) is the only
 * authority, and what is remembered is merely a good guess.
 *
 * Known limit: two writers of one conversation (while its ownership moves) collide and
 * renumber; that costs time, never correctness.
 */

import { LRUCache } from 'lru-cache';
import { AppError, unavailable } from '../../errors.ts';
import type { Attachment } from '../../protocol/types.ts';
import type { HeadAdvance } from '../conversations/conversations.store.ts';
import type {
  MessageIdentity,
  MessagePlace,
  MessageRecord,
  MessageStore,
} from './messages.store.ts';

/** A message before it has its number. Plain data: it travels through the queue. */
export interface MessageDraft {
  _id: string;
  conversationId: string;
  senderId: string;
  clientId: string;
  text: string;
  attachments?: Attachment[];
  contentHash: string;
  /** Who must not hear it: the socket that sent it. */
  socketId?: string;
  /** Sent over HTTP: the sender's older clients append the answer themselves. */
  viaHttp: boolean;
}

export interface Persisted {
  record: MessageRecord;
  /** False when the same clientId was stored before. */
  created: boolean;
}

export type PersistBatch = (drafts: MessageDraft[]) => Promise<(Persisted | AppError)[]>;

const REMEMBERED_HEADS = 50_000;
/** Below MongoDB's own limit for the last insert, so that the answer is in time. */
const GIVE_UP_MS = 3_000;

/**
 * @returns a function that stores drafts and gives one outcome per draft, in order: the stored
 *   message, or client_id_reused. It throws when the outcome of the batch is unknown.
 */
export function createPersistBatch(deps: {
  store: MessageStore;
  conversations: {
    headSeqs(conversationIds: string[]): Promise<Map<string, number>>;
    advanceHeads(advances: HeadAdvance[]): void;
  };
  /** Called when nobody knows what of a batch was stored, and so where conversations stand. */
  onUnknownOutcome: () => void;
  clock: () => Date;
}): PersistBatch {
  const { store, conversations, clock } = deps;
  const lastSeqs = new LRUCache<string, number>({ max: REMEMBERED_HEADS });

  async function readMissingHeads(drafts: MessageDraft[]): Promise<void> {
    const ids = new Set(drafts.map((draft) => draft.conversationId));
    const missing = [...ids].filter((id) => !lastSeqs.has(id));
    if (missing.length === 0) return;
    const heads = await conversations.headSeqs(missing);
    for (const id of missing) lastSeqs.set(id, heads.get(id) ?? 0);
  }

  /** Gives each draft the next number of its conversation. */
  function number(drafts: MessageDraft[]): MessageRecord[] {
    const next = new Map<string, number>();
    const now = clock();
    return drafts.map((draft) => {
      const { conversationId } = draft;
      const seq = (next.get(conversationId) ?? lastSeqs.get(conversationId) ?? 0) + 1;
      next.set(conversationId, seq);
      return {
        _id: draft._id,
        conversationId,
        seq,
        senderId: draft.senderId,
        clientId: draft.clientId,
        text: draft.text,
        ...(draft.attachments === undefined ? {} : { attachments: draft.attachments }),
        contentHash: draft.contentHash,
        rev: 0,
        createdAt: now,
        updatedAt: now,
      };
    });
  }

  /**
   * After a collision in a conversation: finds which of its drafts are stored already, and
   * where the conversation really stands.
   */
  async function resolveCollision(
    conversationId: string,
    rest: MessageDraft[],
    stored: Map<string, MessageRecord>,
  ): Promise<void> {
    // When both unique keys collide MongoDB names only one, so the identities are always asked.
    const candidates = rest.filter((draft) => draft.conversationId === conversationId);
    for (const record of await store.findByIdentity(candidates)) {
      stored.set(identityKey(record), record);
    }
    lastSeqs.set(conversationId, await store.lastSeq(conversationId));
  }

  async function insertAll(drafts: MessageDraft[]): Promise<{
    created: MessageRecord[];
    found: Map<string, MessageRecord>;
  }> {
    const created: MessageRecord[] = [];
    const found = new Map<string, MessageRecord>();
    const giveUpAt = performance.now() + GIVE_UP_MS;
    let rest = drafts;
    while (rest.length > 0) {
      if (performance.now() > giveUpAt) {
        throw unavailable('The conversation is too busy at the moment. Please try again.');
      }
      const records = number(rest);
      const outcome = await store.insertOrdered(records);
      for (const record of records.slice(0, outcome.inserted)) {
        created.push(record);
        lastSeqs.set(record.conversationId, record.seq);
      }
      rest = rest.slice(outcome.inserted);
      const collided = rest[0];
      if (!outcome.collided || collided === undefined) break;
      await resolveCollision(collided.conversationId, rest, found);
      rest = rest.filter((draft) => !found.has(identityKey(draft)));
    }
    return { created, found };
  }

  return async (drafts) => {
    const distinct = new Map<string, MessageDraft>();
    for (const draft of drafts) {
      const key = identityKey(draft);
      if (!distinct.has(key)) distinct.set(key, draft);
    }
    const batch = [...distinct.values()];
    try {
      await readMissingHeads(batch);
      const { created, found } = await insertAll(batch);
      // Of those found, too: whoever stored them may have ended before their heads were written.
      conversations.advanceHeads(headsOf([...found.values(), ...created]));
      const records = new Map(created.map((record) => [identityKey(record), record]));
      return drafts.map((draft) => {
        const key = identityKey(draft);
        const isFirst = distinct.get(key) === draft;
        return outcomeOf(draft, records.get(key) ?? found.get(key), isFirst && records.has(key));
      });
    } catch (error) {
      // Nobody knows what was stored; the next batch reads where the conversations stand.
      for (const draft of batch) lastSeqs.delete(draft.conversationId);
      deps.onUnknownOutcome();
      throw error;
    }
  };
}

const identityKey = ({ conversationId, senderId, clientId }: MessageIdentity): string =>
  `${conversationId} ${senderId} ${clientId}`;

function outcomeOf(
  draft: MessageDraft,
  record: MessageRecord | undefined,
  created: boolean,
): Persisted | AppError {
  if (record === undefined) throw new Error(`message ${draft._id} was neither stored nor found`);
  if (record.contentHash !== draft.contentHash) {
    return new AppError(
      'client_id_reused',
      'This clientId already belongs to another message in this conversation.',
      { errors: [{ path: 'clientId', message: 'already used for other content' }] },
    );
  }
  return { record, created };
}

/** The newest message of each conversation, and of each sender in it. */
export function headsOf(records: MessagePlace[]): HeadAdvance[] {
  const advances = new Map<string, HeadAdvance>();
  for (const { conversationId, seq, _id, senderId } of records) {
    const known = advances.get(conversationId);
    const sent = known?.sent ?? new Map<string, number>();
    sent.set(senderId, Math.max(seq, sent.get(senderId) ?? 0));
    const isNewer = known === undefined || seq > known.seq;
    advances.set(conversationId, {
      conversationId,
      seq: isNewer ? seq : known.seq,
      lastId: isNewer ? _id : known.lastId,
      sent,
    });
  }
  return [...advances.values()];
}
