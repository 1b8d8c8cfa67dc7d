/**
 * Pages of history, held as the JSON that travels.
 *
 * A page is named by the state of its conversation that it belongs to, so that one read late
 * cannot come back: of messages before a number, that is the conversation's `rev` alone, because
 * new messages do not change it. The newest messages of a conversation lie apart: they grow with
 * each message that is stored here, and are completed from the database when others wrote.
 */
import { LRUCache } from 'lru-cache';
import { type CacheContext, createCache } from '../../infra/cache.ts';
import { limits } from '../../protocol/limits.ts';
import type { Message } from '../../protocol/types.ts';
import { presentMessage } from './messages.present.ts';
import type { MessageRecord } from './messages.store.ts';

/** The mission's figure for pages. */
const PAGES_MS = 10 * 60_000;
/** Characters, of all pages together and of the newest messages. */
const PAGES_SIZE = 64 * 1024 * 1024;
const NEWEST_SIZE = 64 * 1024 * 1024;
/** What a message needs beside its text, in characters, about. */
const MESSAGE_SIZE = 400;
/** A reaction, each person who chose it, and each who is named. */
const CHOICE_SIZE = 30;
/** What is told of a file, with its name and its thumbnail. */
const ATTACHMENT_SIZE = 350;
/** As many as a page may hold. */
const NEWEST_COUNT = limits.pageMax;

export interface PageRequest {
  limit: number;
  before?: number | undefined;
  after?: number | undefined;
  /** In the middle of the page. */
  around?: number | undefined;
}

export interface Page {
  /** An array of messages, ascending; what is asked for often lies there as bytes. */
  json: string | Buffer;
  /** Query strings of the older (next) and the newer (prev) page. */
  links: { next?: string; prev?: string };
}

/** Where a conversation stands. */
export interface PageState {
  /** The conversation's. */
  _id: string;
  seq: number;
  rev: number;
  lastId: string;
}

/** The last messages of a conversation up to `seq`, ascending, with every change up to `rev`. */
interface Newest {
  seq: number;
  rev: number;
  messages: (Message | string)[];
  ids: string[];
  /** In characters, about, what was made of them included. */
  size: number;
  /** What was made of them last. */
  page?: { limit: number; fromSeq: number; made: Page & { json: Buffer } };
}

export interface PageCache {
  /** @param stateOf asked where the conversation stands; undefined: it has no messages */
  page(
    conversationId: string,
    stateOf: () => PageState | Promise<PageState | undefined>,
    request: PageRequest,
    fromSeq: number,
  ): Promise<Page>;
  /** A message was stored, here or elsewhere. */
  noteStored(message: Message): void;
  /** A message was changed, here or elsewhere. */
  noteChanged(message: Message): void;
}

export function createPageCache(deps: {
  caches: CacheContext;
  /** Ascending, from a seq on. */
  from: (conversationId: string, seq: number, limit: number) => Promise<MessageRecord[]>;
  /** Ascending, the newest below `before` and above `floor`. */
  newestBefore: (
    conversationId: string,
    before: number,
    floor: number,
    limit: number,
  ) => Promise<MessageRecord[]>;
}): PageCache {
  const { caches } = deps;
  const pages = createCache<Page & { json: string }>(caches, {
    name: 'pages',
    ttlMs: PAGES_MS,
    maxSize: PAGES_SIZE,
    sizeOf: ({ json }) => json.length + 1,
  });
  /** In Redis alone: with it another instance begins. */
  const shared = createCache<string[]>(caches, {
    name: 'newest',
    ttlMs: PAGES_MS,
    maxSize: 1,
    sizeOf: () => 2,
  });
  const counts = { hit: 0, miss: 0, stale_prevented: 0 };
  const sharedFigures = caches.figures.get('newest');
  caches.figures.set('newest', () => ({
    process: { ...counts, entries: newest.size },
    redis: sharedFigures?.().redis ?? { hit: 0, miss: 0, stale_prevented: 0 },
  }));
  const newest = new LRUCache<string, Newest>({
    maxSize: NEWEST_SIZE,
    ttl: PAGES_MS,
    sizeCalculation: ({ size }) => size,
  });
  const reading = new Map<string, Promise<Newest>>();

  async function read(state: PageState): Promise<Newest> {
    const { _id: conversationId, seq, rev, lastId } = state;
    const held = newest.peek(conversationId);
    if (held !== undefined && held.rev === rev && held.seq < seq && seq - held.seq < NEWEST_COUNT) {
      const [joint, ...more] = await deps.from(conversationId, held.seq, NEWEST_COUNT);
      // Another one at this number: a backup was restored, and what is held is of no history.
      if (joint !== undefined && joint._id === held.ids.at(-1)) {
        for (const record of more) append(conversationId, held, presentMessage(record));
        if (isCurrent(held, state)) return held;
      }
    }
    const texts = await shared.get(`${conversationId}:${lastId}.${rev}`, async () => {
      const records = await deps.newestBefore(
        conversationId,
        Number.MAX_SAFE_INTEGER,
        0,
        NEWEST_COUNT,
      );
      return records.map((record) => JSON.stringify(presentMessage(record)));
    });
    const parsed = texts.map((text) => JSON.parse(text) as Message);
    const made = {
      seq: parsed.at(-1)?.seq ?? 0,
      rev,
      messages: texts,
      ids: parsed.map(({ _id }) => _id),
      size: texts.reduce((sum, text) => sum + weightOf(text), 1),
    };
    newest.delete(conversationId);
    newest.set(conversationId, made);
    return made;
  }

  function heldNewest(state: PageState): Newest | undefined {
    const held = newest.get(state._id);
    if (!isCurrent(held, state)) return undefined;
    counts.hit++;
    return held;
  }

  /** One reading of a conversation at a time. */
  async function readNewest(state: PageState): Promise<Newest> {
    const conversationId = state._id;
    const atFirst = newest.get(conversationId);
    if (atFirst === undefined) counts.miss++;
    else counts.stale_prevented++;
    for (;;) {
      const held = newest.get(conversationId);
      if (isCurrent(held, state)) return held;
      const underWay = reading.get(conversationId);
      if (underWay !== undefined) {
        const found = await underWay;
        if (isCurrent(found, state)) return found;
        continue;
      }
      const begun = read(state).finally(() => reading.delete(conversationId));
      reading.set(conversationId, begun);
      return begun;
    }
  }

  /** Unless it was given up meanwhile; the library itself weighs no value twice. */
  function weighAnew(conversationId: string, held: Newest): void {
    if (newest.peek(conversationId) !== held) return;
    const ttl = Math.max(1, newest.getRemainingTTL(conversationId));
    newest.delete(conversationId);
    newest.set(conversationId, held, { ttl });
  }

  function append(conversationId: string, held: Newest, message: Message): void {
    if (message.seq !== held.seq + 1) return;
    held.seq = message.seq;
    held.messages.push(message);
    held.ids.push(message._id);
    held.size += weightOf(message);
    if (held.messages.length > NEWEST_COUNT) {
      held.size -= weightOf(held.messages.shift() ?? '');
      held.ids.shift();
    }
    dropPage(held);
    weighAnew(conversationId, held);
  }

  async function newestPage(state: PageState, limit: number, fromSeq: number): Promise<Page> {
    const held = heldNewest(state) ?? (await readNewest(state));
    const known = held.page;
    if (known?.limit === limit && known.fromSeq === fromSeq) return known.made;
    const count = Math.max(0, Math.min(limit, held.messages.length, held.seq - fromSeq));
    const start = held.messages.length - count;
    for (let index = start; index < held.messages.length; index++) {
      const one = held.messages[index];
      if (one === undefined || typeof one === 'string') continue;
      const text = JSON.stringify(one);
      held.size += weightOf(text) - weightOf(one);
      held.messages[index] = text;
    }
    const first = held.seq - count + 1;
    const made = {
      json: Buffer.from(`[${held.messages.slice(start).join(',')}]`),
      links: count > 0 && first > fromSeq + 1 ? { next: `before=${first}` } : {},
    };
    dropPage(held);
    held.page = { limit, fromSeq, made };
    held.size += made.json.length;
    weighAnew(state._id, held);
    return made;
  }

  async function readPage(
    conversationId: string,
    { limit, before, after, around }: PageRequest,
    fromSeq: number,
  ): Promise<Page & { json: string }> {
    if (around !== undefined) return readAround(conversationId, around, limit, fromSeq);
    // One more than asked for tells whether there is a page beyond.
    const found =
      after === undefined
        ? await deps.newestBefore(
            conversationId,
            before ?? Number.MAX_SAFE_INTEGER,
            fromSeq,
            limit + 1,
          )
        : await deps.from(conversationId, Math.max(after, fromSeq) + 1, limit + 1);
    const hasMore = found.length > limit;
    const page = hasMore ? (after === undefined ? found.slice(1) : found.slice(0, limit)) : found;
    const first = page[0];
    const hasOlder = first !== undefined && first.seq > fromSeq + 1;
    const hasNewer = after === undefined ? before !== undefined : hasMore;
    return made(page, hasOlder, hasNewer);
  }

  /** The number itself and half of the rest come from before it, the others from behind. */
  async function readAround(
    conversationId: string,
    around: number,
    limit: number,
    fromSeq: number,
  ): Promise<Page & { json: string }> {
    const behind = Math.floor((limit - 1) / 2);
    const [before, after] = await Promise.all([
      deps.newestBefore(conversationId, around + 1, fromSeq, limit - behind),
      deps.from(conversationId, Math.max(around, fromSeq) + 1, behind + 1),
    ]);
    const page = [...before, ...after.slice(0, behind)];
    const first = page[0];
    return made(page, first !== undefined && first.seq > fromSeq + 1, after.length > behind);
  }

  return {
    page: async (conversationId, stateOf, request, fromSeq) => {
      const { limit, before, after, around } = request;
      if (!caches.enabled) return readPage(conversationId, request, fromSeq);
      const asked = stateOf();
      const found = asked instanceof Promise ? await asked : asked;
      if (found === undefined) return { json: '[]', links: {} };
      const { _id, seq, rev, lastId } = found;
      // As it is now: a head that is held moves on, and what is read for this page would never
      // reach it.
      const state = { _id, seq, rev, lastId };
      if (before === undefined && after === undefined && around === undefined) {
        return newestPage(state, limit, fromSeq);
      }
      // New messages change what comes after a number, and what comes before one not yet given.
      const version =
        before !== undefined && before <= seq + 1 ? `${rev}` : `${rev}.${seq}.${lastId}`;
      const cursor =
        around !== undefined ? `m${around}` : before === undefined ? `a${after}` : `b${before}`;
      const key = `${conversationId}:${version}:${cursor}:${limit}:${fromSeq}`;
      return pages.get(key, () => readPage(conversationId, request, fromSeq));
    },
    noteStored: (message) => {
      const held = newest.peek(message.conversationId);
      if (held !== undefined) append(message.conversationId, held, message);
    },
    noteChanged: (message) => {
      const { conversationId, seq, rev, _id } = message;
      const held = newest.peek(conversationId);
      if (held === undefined || rev <= held.rev) return;
      // Without the change before this one it could not be said that all are known.
      // And one that is being read to follow may be read as it was.
      if (rev !== held.rev + 1 || seq > held.seq) return void newest.delete(conversationId);
      held.rev = rev;
      const index = seq - held.seq - 1 + held.messages.length;
      const before = held.messages[index];
      if (before !== undefined && held.ids[index] === _id) {
        held.size += weightOf(message) - weightOf(before);
        held.messages[index] = message;
      }
      dropPage(held);
      weighAnew(conversationId, held);
    },
  };
}

/** @param hasOlder and `hasNewer`: whether there are messages beyond */
function made(
  page: MessageRecord[],
  hasOlder: boolean,
  hasNewer: boolean,
): Page & { json: string } {
  const [first, last] = [page[0], page.at(-1)];
  return {
    json: JSON.stringify(page.map(presentMessage)),
    links: {
      ...(hasOlder && first !== undefined ? { next: `before=${first.seq}` } : {}),
      ...(hasNewer && last !== undefined ? { prev: `after=${last.seq}` } : {}),
    },
  };
}

function dropPage(held: Newest): void {
  held.size -= held.page?.made.json.length ?? 0;
  delete held.page;
}

/** Whether it holds the message where the conversation stands, and what was changed until then. */
function isCurrent(held: Newest | undefined, { seq, rev, lastId }: PageState): held is Newest {
  if (held === undefined || held.rev !== rev || held.seq < seq) return false;
  // Of an empty conversation nothing is known by its id.
  return seq === 0 || held.ids.at(seq - held.seq - 1) === lastId;
}

/** What a message, or its JSON, takes up in memory: in characters, about, and never nothing. */
export function weightOf(one: Message | string): number {
  if (typeof one === 'string') return one.length + 1;
  const { text, reactions = [], mentions = [], attachments = [] } = one;
  const choices = reactions.reduce((sum, { userIds }) => sum + userIds.length, reactions.length);
  const named = (choices + mentions.length) * CHOICE_SIZE;
  return text.length + MESSAGE_SIZE + named + attachments.length * ATTACHMENT_SIZE;
}
