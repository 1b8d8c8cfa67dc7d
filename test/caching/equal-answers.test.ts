/** Whatever people do, with caches and without, on two instances: they read the same. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { Contact, Group, Message } from '../../src/protocol/types.ts';
import { call, eventually, type Person, signUp } from '../support/client.ts';
import { createDatabaseName, dropDatabase } from '../support/database.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

type Step =
  | { do: 'send'; by: number; to: number }
  | { do: 'sendToGroup'; by: number }
  | { do: 'read'; by: number; of: number }
  | { do: 'readGroup'; by: number }
  | { do: 'rename'; by: number; name: number }
  | { do: 'signUp' }
  | { do: 'leave'; by: number }
  | { do: 'add'; who: number }
  | { do: 'change'; of: number; to: number; how: 'edit' | 'react' | 'delete'; last: boolean }
  | { do: 'look'; by: number };

const PEOPLE = 4;
const who = fc.nat(PEOPLE - 1);
const step: fc.Arbitrary<Step & { at: number }> = fc
  .oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constant('send' as const), by: who, to: who }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('sendToGroup' as const), by: who }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('read' as const), by: who, of: who }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('readGroup' as const), by: who }) },
    {
      arbitrary: fc.record({ do: fc.constant('rename' as const), by: who, name: fc.nat(5) }),
      weight: 1,
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('signUp' as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('leave' as const), by: who }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('add' as const), who }) },
    {
      arbitrary: fc.record({
        do: fc.constant('change' as const),
        of: who,
        to: who,
        how: fc.constantFrom('edit' as const, 'react' as const, 'delete' as const),
        last: fc.boolean(),
      }),
      weight: 4,
    },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('look' as const), by: who }) },
  )
  .chain((made) => fc.nat(1).map((at) => ({ ...made, at })));

/** Somebody changes here what was sent elsewhere just now, in a conversation that was new. */
const changedElsewhere: (Step & { at: number })[] = [
  { do: 'send', by: 1, to: 0, at: 1 },
  { do: 'send', by: 3, to: 0, at: 1 },
  { do: 'look', by: 3, at: 0 },
  { do: 'change', of: 3, to: 0, how: 'react', last: true, at: 0 },
];

describe.each([{ redis: true }, { redis: false }])('caches, Redis: $redis', ({ redis }) => {
  const database = createDatabaseName();
  let servers: TestServer[];
  let plain: TestServer;
  beforeAll(async () => {
    const shared = { database, ...(redis ? {} : { redisUrl: 'off' }) };
    servers = [await startTestServer(shared), await startTestServer(shared)];
    plain = await startTestServer({ ...shared, env: { CACHE: 'off' } });
    await eventually(async () => {
      for (const { url } of [...servers, plain]) {
        const { body } = await call<{ instance: { peers: string[] } }>(url, 'GET', '/health');
        expect(body.instance.peers).toHaveLength(2);
      }
    });
  });
  afterAll(async () => {
    await Promise.all([...servers, plain].map((server) => server.close()));
    await dropDatabase(database);
  });

  const names = ['Åse Berg', 'ase berg', 'Zoë', 'zoe', 'Ben-Ali', 'O’Neill'];

  /** Everything that one person can read. */
  async function readAll(url: string, as: Person, people: Person[], groupId: string) {
    const get = async <T>(
      path: string,
    ): Promise<{ body: T; link: string | null; status: number }> => {
      const { body, headers, status } = await call<T>(url, 'GET', path, { as });
      const problem = body as { requestId?: string };
      if (typeof problem === 'object' && problem !== null) delete problem.requestId;
      return { body, link: headers.get('link'), status };
    };
    const others = people.filter(({ id }) => id !== as.id);
    return {
      sidebar: (await get<Contact[]>('/api/messages/users')).body,
      groups: (await get<Group[]>('/api/groups')).body,
      profiles: await Promise.all(others.map(({ id }) => get(`/api/users/${id}`))),
      direct: await Promise.all(others.map(({ id }) => get<Message[]>(`/api/messages/${id}`))),
      older: await Promise.all(
        others.map(({ id }) => get<Message[]>(`/api/messages/${id}?before=3&limit=2`)),
      ),
      newer: await Promise.all(
        others.map(({ id }) => get<Message[]>(`/api/messages/${id}?after=1&limit=2`)),
      ),
      group: await get<Message[]>(`/api/groups/${groupId}/messages?limit=3`),
    };
  }

  it('give the answers of the database, to the writer at once and soon to all', {
    timeout: 240_000,
  }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 30 }), async (steps) => {
        const first = servers[0]?.url ?? '';
        const people = await Promise.all(
          Array.from({ length: PEOPLE }, (_, index) => signUp(first, `Person ${index}`)),
        );
        const person = (index: number): Person => people[index] as Person;
        const memberIds = people.slice(1).map(({ id }) => id);
        const made = await call<Group>(first, 'POST', '/api/groups', {
          as: person(0),
          body: { name: 'All', memberIds, history: 'sinceJoin' },
        });
        const groupId = made.body._id;
        for (const one of steps) {
          const url = servers[one.at]?.url ?? '';
          const ask = <T>(method: string, path: string, as: Person, body?: object) =>
            call<T>(url, method, path, { as, ...(body === undefined ? {} : { body }) });
          if (one.do === 'send' && one.by !== one.to) {
            const path = `/api/messages/send/${person(one.to).id}`;
            const { body } = await ask<Message>('POST', path, person(one.by), { text: 'Hello' });
            // The writer reads what they wrote, at once.
            const page = await ask<Message[]>(
              'GET',
              `/api/messages/${person(one.to).id}`,
              person(one.by),
            );
            expect(page.body.at(-1)).toEqual(body);
            const list = await ask<Contact[]>('GET', '/api/messages/users', person(one.by));
            expect(list.body[0]).toMatchObject({
              _id: person(one.to).id,
              unreadCount: 0,
              lastMessage: body,
            });
          } else if (one.do === 'sendToGroup') {
            await ask('POST', `/api/groups/${groupId}/messages`, person(one.by), { text: 'All' });
          } else if (one.do === 'read' && one.by !== one.of) {
            const of = person(one.of).id;
            await ask('POST', `/api/messages/${of}/read`, person(one.by), { seq: 1_000 });
            const list = await ask<Contact[]>('GET', '/api/messages/users', person(one.by));
            // Who signed up elsewhere just now may not be there yet.
            expect(list.body.find(({ _id }) => _id === of)?.unreadCount ?? 0).toBe(0);
          } else if (one.do === 'readGroup') {
            await ask('POST', `/api/groups/${groupId}/read`, person(one.by), { seq: 1_000 });
          } else if (one.do === 'rename') {
            const fullName = names[one.name];
            await ask('PUT', '/api/auth/update-profile', person(one.by), { fullName });
            const own = await ask<{ fullName: string }>('GET', '/api/auth/check', person(one.by));
            expect(own.body.fullName).toBe(fullName);
          } else if (one.do === 'signUp') {
            await signUp(url, names[one.at]);
          } else if (one.do === 'leave') {
            await ask('POST', `/api/groups/${groupId}/leave`, person(one.by));
          } else if (one.do === 'add') {
            const body = { memberIds: [person(one.who).id] };
            await ask('POST', `/api/groups/${groupId}/members`, person(0), body);
          } else if (one.do === 'change' && one.of !== one.to) {
            // What is held before it must not be what is read after it.
            for (const server of servers)
              await readAll(server.url, person(one.of), people, groupId);
            const [as, path] = [person(one.of), `/api/messages/${person(one.to).id}`];
            const { body: before } = await ask<Message[]>('GET', path, as);
            const message = before.at(one.last ? -1 : 0);
            if (message === undefined) continue;
            const author = people.find(({ id }) => id === message.senderId) ?? as;
            const its = `/api/messages/${message._id}`;
            const { body: changed, status } =
              one.how === 'react'
                ? await ask<Message>('PUT', `${its}/reactions/%F0%9F%91%8D`, as)
                : one.how === 'edit'
                  ? await ask<Message>('PATCH', its, author, { text: `after ${message.rev}` })
                  : await ask<Message>('DELETE', its, author);
            if (message.deletedAt !== undefined && one.how !== 'delete') {
              expect(status).toBe(404);
              continue;
            }
            expect(status).toBe(200);
            // Whoever changed it reads it so, at once.
            const { body: after } = await ask<Message[]>('GET', path, as);
            expect(after).toContainEqual(changed);
            const list = await ask<Contact[]>('GET', '/api/messages/users', as);
            const contact = list.body.find(({ _id }) => _id === person(one.to).id);
            const greatest = Math.max(...after.map(({ rev }) => rev));
            expect(contact?.rev).toBe(greatest);
            if (message.seq === after.at(-1)?.seq) expect(contact?.lastMessage).toEqual(changed);
          } else if (one.do === 'look') {
            await readAll(url, person(one.by), people, groupId);
          }
        }
        await eventually(async () => {
          for (const as of people) {
            const expected = await readAll(plain.url, as, people, groupId);
            for (const { url } of servers) {
              expect(await readAll(url, as, people, groupId)).toEqual(expected);
            }
          }
        });
      }),
      { numRuns: 6, endOnFailure: true, examples: [[changedElsewhere]] },
    );
  });

  it('tell the writer at once what they wrote', async () => {
    const url = servers[0]?.url ?? '';
    const [ann, ben] = [await signUp(url, 'Ann'), await signUp(url, 'Ben')];
    const ask = async <T>(method: string, path: string, as: Person, body?: object): Promise<T> =>
      (await call<T>(url, method, path, { as, ...(body === undefined ? {} : { body }) })).body;
    const contact = async (as: Person, of: Person) =>
      (await ask<Contact[]>('GET', '/api/messages/users', as)).find(({ _id }) => _id === of.id);
    // Conversations are written by their owner, this instance or another one.
    const others = await Promise.all(Array.from({ length: 10 }, () => signUp(url)));
    for (const other of [ben, ...others]) {
      for (const text of ['one', 'two', 'three']) {
        await ask('POST', `/api/messages/send/${other.id}`, ann, { text });
        expect(await contact(ann, other)).toMatchObject({ unreadCount: 0, lastMessage: { text } });
      }
    }
    expect(await contact(ben, ann)).toMatchObject({ unreadCount: 3 });
    for (const seq of [1, 2, 3]) {
      await ask('POST', `/api/messages/${ann.id}/read`, ben, { seq });
      expect(await contact(ben, ann)).toMatchObject({ unreadCount: 3 - seq, readSeq: seq });
    }
    for (const fullName of ['Benedict', 'Aaron']) {
      await ask('PUT', '/api/auth/update-profile', ben, { fullName });
      expect(await ask('GET', '/api/auth/check', ben)).toMatchObject({ fullName });
      expect(await contact(ann, ben)).toMatchObject({ fullName });
    }
  });

  it('were used', async () => {
    const { body } = await call<string>(servers[0]?.url ?? '', 'GET', '/metrics');
    for (const cache of ['users', 'memberships', 'heads', 'newest', 'directory', 'pages']) {
      const line = `chat_cache_requests_total{cache="${cache}",tier="process",result="hit"}`;
      const found = body.split('\n').find((one) => one.startsWith(line) || sameLabels(one, cache));
      expect(Number(found?.split(' ').at(-1)), cache).toBeGreaterThan(0);
    }
    expect(inject('redisUrl')).toBeDefined();
  });
});

/** Labels come in any order. */
const sameLabels = (line: string, cache: string): boolean =>
  line.startsWith('chat_cache_requests_total{') &&
  [`cache="${cache}"`, 'tier="process"', 'result="hit"'].every((label) => line.includes(label));
