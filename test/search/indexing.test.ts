/** That terms come to every message: over instances, without Redis, after a crash, and for old data. */
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import type { MessageRecord } from '../../src/features/messages/messages.store.ts';
import type { TermsRecord } from '../../src/features/search/search.store.ts';
import { firstIdAt, newId } from '../../src/infra/mongo.ts';
import type { Group, Message, SearchHit } from '../../src/protocol/types.ts';
import { call, connect, eventually, type Person, send, signUp } from '../support/client.ts';
import { monitored, onCommand } from '../support/commands.ts';
import { createDatabaseName, dropDatabase, withDatabase } from '../support/database.ts';
import { openNetwork } from '../support/network.ts';
import { startTestCluster, startTestServer, type TestServer } from '../support/server.ts';

const search = async (url: string, as: Person, q: string): Promise<string[]> => {
  const path = `/api/messages/search?q=${encodeURIComponent(q)}&limit=100`;
  const { status, body } = await call<SearchHit[]>(url, 'GET', path, { as });
  expect(status).toBe(200);
  return body.map(({ message }) => message.text);
};
const finds = (url: string, as: Person, q: string, expected: string[]) =>
  eventually(async () => expect(await search(url, as, q)).toEqual(expected));
const say = async (url: string, as: Person, to: Person, text: string): Promise<Message> =>
  (await call<Message>(url, 'POST', `/api/messages/send/${to.id}`, { as, body: { text } })).body;

let database: string;
let open: TestServer[];
beforeEach(() => {
  database = createDatabaseName();
  open = [];
});
afterEach(async () => {
  await Promise.all(open.map((server) => server.close()));
  await dropDatabase(database);
});
async function start(options: Parameters<typeof startTestServer>[0] = {}): Promise<TestServer> {
  const server = await startTestServer({ database, ...options });
  open.push(server);
  return server;
}
async function stop(server: TestServer): Promise<void> {
  open = open.filter((one) => one !== server);
  await server.close();
}
const inTerms = <T>(
  work: (terms: import('mongoose').mongo.Collection<TermsRecord>) => Promise<T>,
): Promise<T> => withDatabase(database, (db) => work(db.collection<TermsRecord>('searchTerms')));
const marks = () =>
  withDatabase(database, (db) =>
    db
      .collection<{ _id: string; value: Date }>('deployment')
      .find({ _id: /^search:/ })
      .toArray(),
  );

describe.each([{ redis: true }, { redis: false }])('two instances, Redis: $redis', ({ redis }) => {
  it('find what the other one stored, changed and deleted within 2 s, and heed its removals', async () => {
    const cluster = await startTestCluster(redis ? {} : { redisUrl: 'off' });
    try {
      const { a, b } = cluster;
      const [ann, ben] = [await signUp(a.url), await signUp(b.url)];
      const { _id } = await say(a.url, ann, ben, 'first words');
      let since = performance.now();
      await finds(b.url, ben, 'first', ['first words']);
      expect(performance.now() - since).toBeLessThan(2_000);
      await call(b.url, 'PATCH', `/api/messages/${_id}`, {
        as: ann,
        body: { text: 'second ones' },
      });
      since = performance.now();
      expect(await search(a.url, ben, 'first')).toEqual([]);
      await finds(a.url, ben, 'second', ['second ones']);
      expect(performance.now() - since).toBeLessThan(2_000);
      await call(a.url, 'DELETE', `/api/messages/${_id}`, { as: ann });
      expect(await search(b.url, ben, 'second')).toEqual([]);

      const body = { name: 'Friends', memberIds: [ben.id] };
      const { body: group } = await call<Group>(a.url, 'POST', '/api/groups', { as: ann, body });
      const path = `/api/groups/${group._id}`;
      await call(a.url, 'POST', `${path}/messages`, { as: ann, body: { text: 'in the group' } });
      await finds(b.url, ben, 'group', ['in the group']);
      await call(a.url, 'DELETE', `${path}/members/${ben.id}`, { as: ann });
      expect(await search(b.url, ben, 'group')).toEqual([]);
    } finally {
      await cluster.close();
    }
  });
});

describe('an instance', () => {
  it('indexes a database of before there was a search, changed messages too', async () => {
    const first = await start();
    const [ann, ben] = [await signUp(first.url), await signUp(first.url)];
    const socket = await connect(first.url, ann);
    await Promise.all(
      Array.from({ length: 250 }, (_, n) => send(socket, { to: ben.id }, `old ${n}`)),
    );
    const edited = await say(first.url, ann, ben, 'later changed');
    const path = `/api/messages/${edited._id}`;
    await call(first.url, 'PATCH', path, { as: ann, body: { text: 'changed since' } });
    const gone = await say(first.url, ann, ben, 'later deleted');
    await call(first.url, 'DELETE', `/api/messages/${gone._id}`, { as: ann });
    socket.disconnect();
    await stop(first);
    await withDatabase(database, async (db) => {
      await db.collection('searchTerms').drop();
      await db.collection<{ _id: string }>('deployment').deleteMany({ _id: /^search/ });
    });
    const next = await start();
    expect(await search(next.url, ben, 'changed')).toEqual([]);
    await finds(next.url, ben, 'changed', ['changed since']);
    await eventually(async () => expect(await search(next.url, ben, 'old')).toHaveLength(100));
    expect(await search(next.url, ben, 'later')).toEqual([]);
    await eventually(async () =>
      expect(await inTerms((terms) => terms.countDocuments())).toBe(252),
    );
  });

  it('leaves nothing to be found again when it stops in order, and stops with what it noted', async () => {
    const server = await start();
    const [ann, ben] = [await signUp(server.url), await signUp(server.url)];
    await say(server.url, ann, ben, 'at the last moment');
    await stop(server);
    expect(await inTerms((terms) => terms.countDocuments())).toBe(1);
    expect(await marks()).toEqual([]);
  });

  it('finds again what one that died had not made findable: new, changed and deleted', async () => {
    const first = await start();
    const [ann, ben] = [await signUp(first.url), await signUp(first.url)];
    await say(first.url, ann, ben, 'known before');
    await finds(first.url, ben, 'known', ['known before']);
    const { _id } = await say(first.url, ann, ben, 'forgotten one');
    await call(first.url, 'PATCH', `/api/messages/${_id}`, {
      as: ann,
      body: { text: 'forgotten' },
    });
    const deleted = await say(first.url, ann, ben, 'taken back');
    await finds(first.url, ben, 'taken', ['taken back']);
    await call(first.url, 'DELETE', `/api/messages/${deleted._id}`, { as: ann });
    await stop(first);
    // As a crash leaves it: neither written nor said.
    await inTerms(async (terms) => {
      await terms.deleteOne({ _id });
      await terms.updateOne({ _id: deleted._id }, { $set: { r: 0, t: ['*', 'taken', 'back'] } });
    });
    await withDatabase(database, (db) =>
      db
        .collection<{ _id: string; value: Date }>('deployment')
        .insertOne({ _id: 'search:0123456789ab', value: new Date() }),
    );
    const next = await start();
    await finds(next.url, ben, 'forgotten', ['forgotten']);
    await eventually(async () =>
      expect(await inTerms((terms) => terms.findOne({ _id: deleted._id }))).toMatchObject({
        t: [],
      }),
    );
    await eventually(async () => expect(await marks()).toHaveLength(1));
    expect((await marks())[0]?._id).not.toBe('search:0123456789ab');
  });

  it('finds again what it could not keep in memory', async () => {
    const server = await start({ mongodbUri: monitored(inject('mongodbUri')) });
    const [ann, ben] = [await signUp(server.url), await signUp(server.url)];
    // Others' writing, which an instance has to find by the messages alone.
    let walked = 0;
    const off = onCommand(database, ({ commandName, command }) => {
      if (commandName === 'find' && command.find === 'messages' && command.filter._id?.$gte)
        walked++;
    });
    const sockets = await Promise.all(Array.from({ length: 10 }, () => connect(server.url, ann)));
    await Promise.all(
      sockets.flatMap((socket, s) =>
        Array.from({ length: 300 }, (_, n) => send(socket, { to: ben.id }, `flood ${s} ${n}`)),
      ),
    );
    await eventually(async () =>
      expect(await inTerms((terms) => terms.countDocuments())).toBe(3_000),
    );
    expect(walked).toBeGreaterThan(0);
    off();
    for (const socket of sockets) socket.disconnect();
  }, 30_000);

  it('never lets an older text win over a newer one', async () => {
    const server = await start();
    const [ann, ben] = [await signUp(server.url), await signUp(server.url)];
    const { _id } = await say(server.url, ann, ben, 'one');
    for (const text of ['two', 'three', 'four']) {
      await call(server.url, 'PATCH', `/api/messages/${_id}`, { as: ann, body: { text } });
    }
    await finds(server.url, ben, 'four', ['four']);
    const stored = await inTerms((terms) => terms.findOne({ _id }));
    expect(stored).toMatchObject({ r: 3, s: 1, t: ['*', `@${ann.id}`, 'four'] });
  });

  it('goes on when Redis is lost on the way', async () => {
    const network = await openNetwork(inject('redisUrl').replace('redis:', 'http:'));
    const server = await start({ redisUrl: network.url.replace('http:', 'redis:') });
    try {
      const [ann, ben] = [await signUp(server.url), await signUp(server.url)];
      await say(server.url, ann, ben, 'with Redis');
      await finds(server.url, ben, 'redis', ['with Redis']);
      network.swallow();
      await say(server.url, ann, ben, 'without it');
      await finds(server.url, ben, 'without', ['without it']);
    } finally {
      await stop(server);
      network.close();
    }
  });

  it('takes messages with ids of a clock that is behind', async () => {
    const server = await start();
    const [ann, ben] = [await signUp(server.url), await signUp(server.url)];
    const known = await say(server.url, ann, ben, 'now');
    await stop(server);
    const past = new Date(Date.now() - 30_000);
    const _id = firstIdAt(past).slice(0, 8) + newId().slice(8);
    await withDatabase(database, async (db) => {
      const messages = db.collection<MessageRecord>('messages');
      const one = await messages.findOne({ _id: known._id });
      if (one === null) throw new Error('the message is gone');
      await messages.insertOne({ ...one, _id, seq: 2, clientId: 'late one', text: 'a late one' });
      await db
        .collection<{ _id: string; value: Date }>('deployment')
        .insertOne({ _id: 'search:0123456789ab', value: new Date() });
    });
    const next = await start();
    await finds(next.url, ben, 'late', ['a late one']);
  });
});
