/** Who is counted by address: only those without a session, whatever an instance has seen before. */
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { type ClientSocket, call, connect, type Person } from '../support/client.ts';
import { createDatabaseName, dropDatabase, withDatabase } from '../support/database.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { countsOf, from, newAddress, newPerson, type Refusal, standard } from './instances.ts';

const LIMIT = 20;
const env = { ...standard, RATE_LIMIT_GENERAL: String(LIMIT) };

describe.each([{ redis: true }, { redis: false }])('Redis: $redis', ({ redis }) => {
  const database = createDatabaseName();
  let people: Person[];
  let server: TestServer;
  const sockets: ClientSocket[] = [];
  /** An instance that has seen nobody yet. */
  const startFresh = async (): Promise<TestServer> => {
    const redisUrl = redis ? inject('redisUrl') : 'off';
    server = await startTestServer({ database, redisUrl, env });
    return server;
  };
  beforeAll(async () => {
    const { url } = await startFresh();
    people = await Promise.all(Array.from({ length: 3 * LIMIT }, () => newPerson(url)));
    await server.close();
  });
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.disconnect();
    await server.close();
  });
  afterAll(() => dropDatabase(database));

  const check = (address: string, headers: Record<string, string>) =>
    call<Refusal>(server.url, 'GET', '/api/auth/check', {
      headers: { ...from(address), ...headers },
    });
  const checkAs = (person: Person, address: string) => check(address, { cookie: person.cookie });
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

  async function handshake(person: Person, address: string, token = person.token) {
    try {
      sockets.push(await connect(server.url, person, { headers: from(address), token }));
      return { status: 200 };
    } catch (error) {
      return { status: (error as Error & { data: { status: number } }).data.status };
    }
  }
  /** As the person's own, of the same length, but not signed by the server. */
  const forged = ({ token }: Person, index: number): string =>
    `${token.slice(0, -8)}${String(index).padStart(8, 'A')}`;

  it('all who have a session get in through one address after a restart', async () => {
    await startFresh();
    const address = newAddress();
    const answers = await Promise.all(people.map((person) => checkAs(person, address)));
    expect(countsOf(answers)).toEqual({ 200: people.length });
    // And strangers there still have all of theirs.
    const strangers = await Promise.all(people.slice(0, LIMIT).map(() => check(address, {})));
    expect(countsOf(strangers)).toEqual({ 401: LIMIT });
  });

  it('so do all their sockets', async () => {
    await startFresh();
    const address = newAddress();
    const answers = await Promise.all(people.map((person) => handshake(person, address)));
    expect(countsOf(answers)).toEqual({ 200: people.length });
  });

  it('forged tokens count, and shut nobody out who has a session', async () => {
    await startFresh();
    const [ann, ben, cleo] = people as [Person, Person, Person];
    const address = newAddress();
    const requests = await Promise.all(
      Array.from({ length: LIMIT / 2 }, (_, index) => check(address, bearer(forged(ann, index)))),
    );
    const handshakes = await Promise.all(
      Array.from({ length: LIMIT / 2 + 3 }, (_, index) =>
        handshake(ann, address, forged(ann, 100 + index)),
      ),
    );
    expect(countsOf([...requests, ...handshakes])).toEqual({ 401: LIMIT, 429: 3 });
    expect((await check(address, bearer(forged(ann, 200)))).status).toBe(429);
    expect((await checkAs(ben, address)).status).toBe(200);
    expect((await handshake(cleo, address)).status).toBe(200);
  });

  it('tokens of sessions that ended count, and are looked up once', async () => {
    const { url } = await startFresh();
    const ended = await Promise.all(Array.from({ length: 5 }, () => newPerson(url)));
    for (const person of ended) {
      const headers = from(newAddress());
      await call(url, 'POST', '/api/auth/logout', { as: person, headers });
    }
    const address = newAddress();
    const asked = await withDatabase(database, async (db) => {
      await db.command({ profile: 2 });
      const answers = [];
      for (let index = 0; index < LIMIT; index++) {
        const person = ended[index % ended.length] as Person;
        const ask = index % 2 === 0 ? checkAs : handshake;
        answers.push(await ask(person, address));
      }
      await db.command({ profile: 0 });
      expect(countsOf(answers)).toEqual({ 401: LIMIT });
      const found = { ns: `${database}.sessions`, op: 'query' };
      const count = await db.collection('system.profile').countDocuments(found);
      await db.collection('system.profile').drop();
      return count;
    });
    expect(asked).toBe(ended.length);
    const [ann] = ended as [Person];
    expect((await checkAs(ann, address)).status).toBe(429);
    expect((await handshake(ann, address)).status).toBe(429);
    expect((await checkAs(people[0] as Person, address)).status).toBe(200);
  });
});
