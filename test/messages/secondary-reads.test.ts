/** History from a secondary: never less than was acknowledged, whatever becomes of it. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Contact, Message, SyncResult } from '../../src/protocol/types.ts';
import { call, eventually, type Person, signUp } from '../support/client.ts';
import { monitored, onCommand } from '../support/commands.ts';
import { createDatabaseName } from '../support/database.ts';
import { type ReplicaSet, startReplicaSet } from '../support/replica-set.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

interface Sent {
  /** Command and collection, such as "find messages". */
  what: string;
  to: 'primary' | 'secondary';
  command: Record<string, unknown>;
}

let set: ReplicaSet;
let database: string;
const servers: TestServer[] = [];
let ann: Person;
let ben: Person;
let conversationId: string;
beforeAll(async () => {
  set = await startReplicaSet();
});
afterAll(() => set.close());

const start = async (readPreference = 'secondaryPreferred'): Promise<TestServer> => {
  const server = await startTestServer({
    database,
    mongodbUri: monitored(set.uri),
    redisUrl: 'off',
    env: { MONGODB_READ_PREFERENCE: readPreference },
  });
  servers.push(server);
  return server;
};
let url: string;
beforeEach(async () => {
  database = createDatabaseName();
  ({ url } = await start());
  [ann, ben] = [await signUp(url), await signUp(url)];
  conversationId = [ann.id, ben.id].sort().join('-');
});
afterEach(async () => {
  set.go();
  await set.catchUp();
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

const say = async (text: string): Promise<void> => {
  const path = `/api/messages/send/${ben.id}`;
  expect((await call(url, 'POST', path, { as: ann, body: { text } })).status).toBe(201);
};
const read = async (query = '', from = url): Promise<string[]> => {
  const path = `/api/messages/${ben.id}${query}`;
  const { body } = await call<Message[]>(from, 'GET', path, { as: ann });
  return body.map(({ text }) => text);
};
/** A server that has just started looks for messages without terms, of all conversations. */
const isForSearch = ({ sort }: Record<string, unknown>): boolean =>
  sort instanceof Map && (sort.has('updatedAt') || sort.get('_id') === 1);
/** What is sent meanwhile of questions about messages, and of what only secondaries need. */
async function sentDuring(work: () => Promise<unknown>): Promise<Sent[]> {
  const sent: Sent[] = [];
  const stop = onCommand(database, ({ address, commandName, command }) => {
    const what = `${commandName} ${command[commandName]}`;
    if (!/^(find messages|ping)/.test(what) || isForSearch(command)) return;
    sent.push({ what, to: address === set.secondary ? 'secondary' : 'primary', command });
  });
  await work();
  stop();
  return sent;
}
const figures = async (): Promise<Record<string, number>> => {
  const { body } = await call<string>(url, 'GET', '/metrics');
  const lines = body.matchAll(/^chat_secondary_reads_total\{result="(\w+)"\} (\d+)$/gm);
  return Object.fromEntries([...lines].map(([, result, count]) => [result, Number(count)]));
};

describe('while the secondary keeps up', () => {
  const fromSecondary = [
    { what: 'ping 1', to: 'primary' },
    { what: 'find messages', to: 'secondary' },
  ];

  it('it answers for pages and last messages, after the time of the primary', async () => {
    for (const text of ['one', 'two', 'three']) await say(text);
    const newest = await sentDuring(async () => {
      expect(await read()).toEqual(['one', 'two', 'three']);
    });
    expect(newest).toMatchObject(fromSecondary);
    expect(newest[1]?.command).toMatchObject({
      maxTimeMS: 800,
      readConcern: { level: 'majority', afterClusterTime: expect.anything() },
    });
    for (const query of ['?before=3&limit=7', '?after=1&limit=7']) {
      expect(await sentDuring(() => read(query)), query).toMatchObject(fromSecondary);
      expect(await sentDuring(() => read(query)), `${query} again`).toEqual([]);
    }
    const { url: later } = await start();
    const lists = await sentDuring(async () => {
      const { body } = await call<Contact[]>(later, 'GET', '/api/messages/users', { as: ann });
      expect(body[0]?.lastMessage?.text).toBe('three');
    });
    expect(lists).toMatchObject(fromSecondary);
    expect(await figures()).toEqual({ answered: 3 });
  });

  it('everything that decides something asks the primary', async () => {
    await say('one');
    const body = { since: { [conversationId]: { seq: 0, rev: 0 } } };
    const sent = await sentDuring(async () => {
      const { body: found } = await call<SyncResult>(url, 'POST', '/api/sync', { as: ann, body });
      expect(found.changes[0]?.messages).toHaveLength(1);
      const path = `/api/messages/${ben.id}/read`;
      // Beyond the head, so that the messages are asked.
      expect((await call(url, 'POST', path, { as: ann, body: { seq: 9 } })).status).toBe(200);
    });
    expect(sent.length).toBeGreaterThan(1);
    for (const { what, to } of sent) expect([what, to]).toEqual(['find messages', 'primary']);
  });

  it('by default nothing is asked of it, and nothing more of the primary', async () => {
    await say('one');
    const { url: other } = await start('primary');
    const sent = await sentDuring(async () => {
      expect(await read('', other)).toEqual(['one']);
      expect(await read('?before=2&limit=7', other)).toEqual(['one']);
    });
    const question = { what: 'find messages', to: 'primary' };
    expect(sent).toMatchObject([question, question]);
    for (const { command } of sent) {
      expect(command).not.toHaveProperty('readConcern');
      expect(command).not.toHaveProperty('maxTimeMS');
    }
  });
});

/** Milliseconds that it takes. */
async function time(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}
/** A second for the attempt, and something for a busy machine. */
const PATIENCE_MS = 1_500;

describe('while the secondary lags', () => {
  it('it is waited for, so that who wrote reads it', async () => {
    await say('one');
    await set.holdUp();
    await say('two');
    const stop = onCommand(database, ({ address, commandName }) => {
      if (commandName === 'find' && address === set.secondary) void set.catchUp();
    });
    expect(await read()).toEqual(['one', 'two']);
    stop();
    expect(await figures()).toEqual({ answered: 1 });
  });

  it('for no longer than a second, and then the primary answers at once', async () => {
    await say('one');
    await set.holdUp();
    await say('two');
    const took = await time(async () => expect(await read()).toEqual(['one', 'two']));
    expect(took).toBeLessThan(PATIENCE_MS);
    const sent = await sentDuring(async () => {
      expect(await read('?before=3&limit=7')).toEqual(['one', 'two']);
    });
    expect(sent).toMatchObject([{ what: 'find messages', to: 'primary' }]);
    expect(await figures()).toEqual({ failed: 1, resting: 1 });
  });

  it('no page from before a change comes under the name of the state after it', async () => {
    await say('one');
    expect(await read()).toEqual(['one']);
    await set.holdUp();
    await set.inDatabase(database, async (db) => {
      await db
        .collection('messages')
        .updateOne({ conversationId, seq: 1 }, { $set: { text: 'changed', rev: 1 } });
      await db
        .collection<{ _id: string }>('conversations')
        .updateOne({ _id: conversationId }, { $max: { rev: 1 }, $currentDate: { headAt: true } });
    });
    await eventually(async () => expect(await read()).toEqual(['changed']));
    expect(await figures()).toMatchObject({ failed: 1 });
  });
});

it('while the secondary is halted the answer comes from the primary within little more than a second', async () => {
  await say('one');
  expect(await read()).toEqual(['one']);
  set.halt();
  await say('two');
  const pages = Array.from({ length: 5 }, (_, index) => `?before=3&limit=${index + 2}`);
  const took = await time(async () => {
    const found = await Promise.all(pages.map((query) => read(query)));
    expect(found).toEqual(pages.map(() => ['one', 'two']));
  });
  expect(took).toBeLessThan(PATIENCE_MS);
  expect(await figures()).toEqual({ answered: 1, failed: 5 });
  // Nothing waits for it for long.
  await eventually(async () => {
    const { body } = await call<{ mongodb: { pool: object } }>(url, 'GET', '/health');
    expect(body.mongodb.pool).toMatchObject({ waiting: 0 });
  });
});

it('answers keep coming when the secondary is killed', async () => {
  await say('one');
  expect(await read()).toEqual(['one']);
  set.kill();
  for (let limit = 2; limit < 30; limit++) {
    await say(`Message ${limit}`);
    const took = await time(async () => {
      const found = await read(`?before=${limit + 1}&limit=${limit}`);
      expect(found.at(-1)).toBe(`Message ${limit}`);
    });
    expect(took).toBeLessThan(PATIENCE_MS);
  }
  const { failed = 0, answered = 0, resting = 0 } = await figures();
  expect(failed).toBeLessThanOrEqual(1);
  expect(failed + answered + resting).toBe(29);
});
