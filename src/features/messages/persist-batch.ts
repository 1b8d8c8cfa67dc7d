/**
 * The only writer of messages.
 *
 * Numbers are given at the insert: the last seq of each conversation (remembered, else read),
 * then one ordered insertMany with majority and journal; the conversations' heads follow behind
 * (conversations/heads.ts). A counter that is raised first and used later would leave a hole
 * when the process dies in between; here the unique index (conversation, seq) is the only
 * authority, and what is remembered is merely a good guess.
 *
 * Two writers of one conversation (while its ownership moves, or without Redis) collide and
 * renumber; that costs time, never correctness. A collision sets the rest of its own
 * conversation aside and holds up no other.
 */

import { LRUCache } from 'lru-cache';
import { AppError, unavailable } from '../../errors.ts';
import type { Attachment, ReplyReference } from '../../protocol/types.ts';
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
  replyTo?: ReplyReference;
  mentions?: string[];
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

export interface PersistBatch {
  /**
   * Stores drafts; one outcome per draft, in order: the stored message, or client_id_reused.
   * Throws when the outcome of the batch is unknown.
   */
  (drafts: MessageDraft[]): Promise<(Persisted | AppError)[]>;
  /** Another instance stored a message: the next one here has a higher number. */
  noteStored(message: Pick<MessageRecord, 'conversationId' | 'seq'>): void;
}

const REMEMBERED_HEADS = 50_000;
/** Below MongoDB's own limit for the last insert, so that the answer is in time. */
const GIVE_UP_MS = 3_000;

export function createPersistBatch(deps: {
  store: MessageStore;
  conversations: {
    headSeqs(conversationIds: string[]): Promise<Map<string, number>>;
    advanceHeads(advances: HeadAdvance[]): void;
  };
  /** Called when nobody knows what of a batch was stored, and so where conversations stand. */
  onUnknownOutcome: () => void;
  /** Told how many messages a batch brought. */
  onStored: (created: MessageRecord[]) => void;
  clock: () => Date;
}): PersistBatch {
  const { store, conversations, clock } = deps;
  const lastSeqs = new LRUCache<string, number>({ max: REMEMBERED_HEADS });

  function noteStored({ conversationId, seq }: Pick<MessageRecord, 'conversationId' | 'seq'>) {
    const known = lastSeqs.get(conversationId);
    if (known !== undefined && seq > known) lastSeqs.set(conversationId, seq);
  }

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
        ...(draft.replyTo === undefined ? {} : { replyTo: draft.replyTo }),
        ...(draft.mentions === undefined ? {} : { mentions: draft.mentions }),
        contentHash: draft.contentHash,
        rev: 0,
        createdAt: now,
        updatedAt: now,
      };
    });
  }

  /** Which of the drafts are stored already, and where their conversations really stand. */
  async function resolveCollisions(
    drafts: MessageDraft[],
    found: Map<string, MessageRecord>,
  ): Promise<void> {
    const conversationIds = [...new Set(drafts.map(({ conversationId }) => conversationId))];
    const [stored, seqs] = await Promise.all([
      // When both unique keys collide MongoDB names only one, so the identities are always asked.
      store.findByIdentity(drafts),
      Promise.all(conversationIds.map((id) => store.lastSeq(id))),
    ]);
    for (const record of stored) found.set(identityKey(record), record);
    for (const [index, id] of conversationIds.entries()) lastSeqs.set(id, seqs[index] ?? 0);
  }

  /** Inserts in order; what stands behind a collision in its conversation is returned. */
  async function insertRound(
    drafts: MessageDraft[],
    created: MessageRecord[],
  ): Promise<MessageDraft[]> {
    const aside: MessageDraft[] = [];
    let rest = drafts;
    while (rest.length > 0) {
      const records = number(rest);
      const outcome = await store.insertOrdered(records);
      for (const record of records.slice(0, outcome.inserted)) {
        created.push(record);
        noteStored(record);
      }
      const [collided, ...behind] = rest.slice(outcome.inserted);
      if (collided === undefined) break;
      const isHeldUp = (draft: MessageDraft) => draft.conversationId === collided.conversationId;
      aside.push(collided, ...behind.filter(isHeldUp));
      rest = behind.filter((draft) => !isHeldUp(draft));
    }
    return aside;
  }

  async function insertAll(drafts: MessageDraft[]): Promise<{
    created: MessageRecord[];
    found: Map<string, MessageRecord>;
  }> {
    const created: MessageRecord[] = [];
    const found = new Map<string, MessageRecord>();
    const giveUpAt = performance.now() + GIVE_UP_MS;
    for (let rest = drafts; rest.length > 0; ) {
      if (performance.now() > giveUpAt) {
        throw unavailable('The conversation is too busy at the moment. Please try again.');
      }
      const aside = await insertRound(rest, created);
      if (aside.length === 0) break;
      await resolveCollisions(aside, found);
      rest = aside.filter((draft) => !found.has(identityKey(draft)));
    }
    return { created, found };
  }

  async function persist(drafts: MessageDraft[]): Promise<(Persisted | AppError)[]> {
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
      deps.onStored(created);
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
  }

  return Object.assign(persist, { noteStored });
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
  for (const { conversationId, seq, _id, senderId, createdAt } of records) {
    const known = advances.get(conversationId);
    const sent = known?.sent ?? new Map<string, number>();
    sent.set(senderId, Math.max(seq, sent.get(senderId) ?? 0));
    const isNewer = known === undefined || seq > known.seq;
    advances.set(conversationId, {
      conversationId,
      rev: 0,
      seq: isNewer ? seq : known.seq,
      lastId: isNewer ? _id : known.lastId,
      at: isNewer ? createdAt : known.at,
      sent,
    });
  }
  return [...advances.values()];
}
