/**
 * How many unread messages name somebody.
 *
 * Nothing is written per member: they are counted by an index of the messages that name anyone.
 * A count is named by all that it depends on: the person, how far they have read, and where the
 * conversation stands. So a copy is never out of date; what is read late may only be newer than
 * its name says, and then the head is about to follow.
 */
import { type CacheContext, createCache } from '../../infra/cache.ts';

/** As long as pages are. */
const COUNTS_MS = 10 * 60_000;
/** Counts and listed numbers, together. */
const COUNTS_SIZE = 500_000;
/** Each range is a part of the query. */
const RANGES_PER_QUERY = 100;

export interface Mentions {
  count: number;
  /** Numbers of the messages, ascending; of more than limits.mentionSeqs the newest. */
  seqs: number[];
}

/** Where a conversation stands, and how far somebody has read it. */
export interface UnreadState {
  /** The conversation's. */
  _id: string;
  readSeq: number;
  seq: number;
  rev: number;
  lastId: string;
}

/** Numbers of a conversation's messages: those above `after`, up to `upTo`. */
export interface UnreadRange {
  conversationId: string;
  after: number;
  upTo: number;
}

/** @param read counts them in the database; conversations without any are absent */
export function createMentionCounts(
  caches: CacheContext,
  read: (userId: string, ranges: UnreadRange[]) => Promise<({ _id: string } & Mentions)[]>,
) {
  const cache = createCache<Mentions>(caches, {
    name: 'mentions',
    ttlMs: COUNTS_MS,
    maxSize: COUNTS_SIZE,
    sizeOf: ({ seqs }) => seqs.length + 1,
  });

  async function count(userId: string, states: UnreadState[]): Promise<Map<string, Mentions>> {
    const parts: UnreadRange[][] = [];
    for (let from = 0; from < states.length; from += RANGES_PER_QUERY) {
      parts.push(
        states.slice(from, from + RANGES_PER_QUERY).map(({ _id, readSeq, seq }) => ({
          ...{ conversationId: _id, after: readSeq, upTo: seq },
        })),
      );
    }
    const found = (await Promise.all(parts.map((ranges) => read(userId, ranges)))).flat();
    return new Map(
      found.map(({ _id, count, seqs }) => [_id, { count, seqs: seqs.sort((a, b) => a - b) }]),
    );
  }

  /** By conversation, for those given. */
  return async (userId: string, states: UnreadState[]): Promise<Map<string, Mentions>> => {
    const byKey = new Map(states.map((state) => [keyOf(userId, state), state]));
    const values = await cache.getMany([...byKey.keys()], async (keys) => {
      const asked = keys.flatMap((key) => byKey.get(key) ?? []);
      const found = await count(userId, asked);
      // That there are none is worth remembering, too.
      return new Map(
        asked.map((state) => [
          keyOf(userId, state),
          found.get(state._id) ?? { count: 0, seqs: [] },
        ]),
      );
    });
    return new Map(
      [...byKey].flatMap(([key, { _id }]) => {
        const value = values.get(key);
        return value === undefined ? [] : [[_id, value] as const];
      }),
    );
  };
}

const keyOf = (userId: string, { _id, readSeq, seq, rev, lastId }: UnreadState): string =>
  `${userId}:${_id}:${readSeq}:${rev}.${seq}.${lastId}`;
