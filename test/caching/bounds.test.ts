/** What is held in a process is bounded by what it weighs, however it came there. */
import mongoose from 'mongoose';
import { afterAll, describe, expect, it } from 'vitest';
import { presentMessage } from '../../src/features/messages/messages.present.ts';
import {
  createMessageStore,
  type MessageRecord,
} from '../../src/features/messages/messages.store.ts';
import { createPageCache } from '../../src/features/messages/page-cache.ts';
import { type CacheContext, createCache, withoutCaches } from '../../src/infra/cache.ts';
import type { Message } from '../../src/protocol/types.ts';
import { createDatabaseName } from '../support/database.ts';
import { databaseUri } from '../support/program.ts';

/** Characters, about, that pages, and newest messages, may have at the most. */
const MOST = 64 * 1024 * 1024;
const TEXT = 'x'.repeat(20_000);
const MESSAGES = 100;
/** So many conversations of such messages are a quarter more. */
const CONVERSATIONS = Math.ceil((1.25 * MOST) / (MESSAGES * TEXT.length));
const MOST_CONVERSATIONS = Math.floor(MOST / (MESSAGES * TEXT.length));

const newContext = (): CacheContext => ({ ...withoutCaches(), enabled: true, figures: new Map() });

const recordOf = (conversationId: string, seq: number): MessageRecord => {
  const now = new Date(0);
  const _id = `${conversationId}.${seq}`;
  const times = { createdAt: now, updatedAt: now };
  return {
    _id,
    conversationId,
    seq,
    senderId: 's',
    clientId: _id,
    text: TEXT,
    contentHash: '',
    rev: 0,
    ...times,
  };
};
const messageOf = (conversationId: string, seq: number, text = TEXT): Message =>
  presentMessage({ ...recordOf(conversationId, seq), text });

describe('copies', () => {
  it('are given up by what they weigh, the least recently used first', async () => {
    const context = newContext();
    const cache = createCache<string>(context, {
      name: 'words',
      ttlMs: 60_000,
      maxSize: 10,
      sizeOf: (value) => value.length,
    });
    const reads: string[] = [];
    const ask = (value: string) =>
      cache.get(value, async () => {
        reads.push(value);
        return value;
      });
    const entries = () => context.figures.get('words')?.().process.entries;
    for (const value of ['aaaa', 'bbbb', 'aaaa', 'cccc']) await ask(value);
    expect(entries()).toBe(2);
    await ask('aaaa');
    await ask('bbbb');
    expect(reads).toEqual(['aaaa', 'bbbb', 'cccc', 'bbbb']);
    // What is heavier than all together is not held at all.
    await ask('d'.repeat(11));
    expect(entries()).toBe(2);
  });

  it('are counted where nothing else is said', async () => {
    const context = newContext();
    const cache = createCache<number>(context, { name: 'numbers', ttlMs: 60_000, maxSize: 5 });
    for (let key = 0; key < 20; key++) await cache.get(`${key}`, async () => key);
    expect(context.figures.get('numbers')?.().process.entries).toBe(5);
  });
});

describe('pages of history', () => {
  /** @param stored messages of each conversation in the database */
  function open(stored: number) {
    const context = newContext();
    const records = (conversationId: string) =>
      Array.from({ length: stored }, (_, index) => recordOf(conversationId, index + 1));
    const cache = createPageCache({
      caches: context,
      from: async () => [],
      newestBefore: async (conversationId) => records(conversationId),
    });
    const entries = (name: string) => context.figures.get(name)?.().process.entries ?? 0;
    const read = (conversationId: string, seq: number, before?: number) =>
      cache.page(
        conversationId,
        async () => ({ _id: conversationId, seq, rev: 0, lastId: `${conversationId}.${seq}` }),
        { limit: MESSAGES, before },
        0,
      );
    return { ...cache, entries, read };
  }
  const names = Array.from({ length: CONVERSATIONS }, (_, index) => `c${index}`);
  /** @param copies of each message: one, and one in the page that was made of them */
  const expectBounded = (entries: number, copies = 1) => {
    const most = Math.floor(MOST_CONVERSATIONS / copies);
    expect(entries).toBeLessThanOrEqual(most);
    expect(entries).toBeGreaterThan(most / 2);
  };

  it('the newest messages, as they were read', async () => {
    const { read, entries } = open(MESSAGES);
    for (const name of names) await read(name, MESSAGES);
    expectBounded(entries('newest'), 2);
  });

  it('the newest messages, as they grew', async () => {
    const { read, entries, noteStored } = open(1);
    for (const name of names) {
      await read(name, 1);
      for (let seq = 2; seq <= MESSAGES; seq++) noteStored(messageOf(name, seq));
    }
    expectBounded(entries('newest'));
  });

  it('older pages', async () => {
    const { read, entries } = open(MESSAGES);
    for (const name of names) await read(name, MESSAGES + 1, MESSAGES + 1);
    expectBounded(entries('pages'));
  });
});

describe('last messages', () => {
  const connection = mongoose.createConnection(databaseUri(createDatabaseName()));
  afterAll(() => connection.close());

  it('that were stored here', async () => {
    await connection.asPromise();
    const store = createMessageStore(connection, newContext());
    const count = Math.ceil((1.25 * MOST) / TEXT.length);
    for (let index = 0; index < count; index++) store.noteStored(messageOf(`c${index}`, 1));
    const isHeld = async (index: number) => {
      const ref = { conversationId: `c${index}`, lastId: `c${index}.1`, rev: 0 };
      return (await store.lastMessages([ref])).size === 1;
    };
    expect(await isHeld(0)).toBe(false);
    expect(await isHeld(Math.ceil(count / 2))).toBe(true);
    expect(await isHeld(count - 1)).toBe(true);
  });

  it('that are longer as JSON', async () => {
    await connection.asPromise();
    const store = createMessageStore(connection, newContext());
    // Each control character is six there.
    const text = '\u0001'.repeat(TEXT.length);
    const count = Math.floor(MOST / 2 / TEXT.length);
    const ref = (index: number) => {
      const conversationId = `c${index}`;
      return { conversationId, lastId: `${conversationId}.1`, rev: 0 };
    };
    for (let index = 0; index < count; index++) store.noteStored(messageOf(`c${index}`, 1, text));
    const countHeld = async () => {
      let held = 0;
      for (let index = 0; index < count; index++) {
        held += (await store.lastMessages([ref(index)])).size;
      }
      return held;
    };
    await countHeld();
    const most = Math.floor(MOST / (6 * TEXT.length));
    const held = await countHeld();
    expect(held).toBeLessThanOrEqual(most);
    expect(held).toBeGreaterThan(most / 2);
  });
});
