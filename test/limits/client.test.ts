/** The client library at the limit, against a real server: it rests, goes on, and loses nothing. */
import { expect, it } from 'vitest';
import { ParleyClient } from '../../src/web/client/client.ts';
import { createMemoryStorage } from '../../src/web/client/outbox-storage.ts';
import { call, eventually } from '../support/client.ts';
import { startTestServer } from '../support/server.ts';
import { newPerson, standard, startOwnRedis } from './instances.ts';

it('the outbox waits as long as the server says, and goes on by itself', async () => {
  const redis = await startOwnRedis();
  const server = await startTestServer({
    redisUrl: redis.url,
    // Its events and requests are counted, too, but they are not what is tested.
    env: { ...standard, RATE_LIMIT_SOCKET: '1000', RATE_LIMIT_AUTHENTICATED: '1000' },
  });
  const [ann, ben, cas] = [
    await newPerson(server.url),
    await newPerson(server.url),
    await newPerson(server.url),
  ];
  const client = new ParleyClient({
    baseUrl: server.url,
    token: ann.token,
    ownId: ann.id,
    storage: createMemoryStorage(),
  });
  try {
    client.start();
    await Promise.all([client.loadPeople(), client.loadGroups()]);
    const idOf = (other: { id: string }) => [ann.id, other.id].sort().join('-');
    const write = (to: { id: string }, text: string) =>
      client.outbox.add(idOf(to), { to: to.id }, { text });
    write(ben, 'Message 1');
    await eventually(() => expect(client.outbox.pendingCount()).toBe(0));
    const socketId = client.connection.id;
    // The window that has begun ends in 3 s, instead of 60.
    const key = await eventually(async () => {
      const [found] = (await redis.command('KEYS', `*:limit:messages:${ann.id}`)) as string[];
      expect(found).toBeDefined();
      return found ?? '';
    });
    await redis.command('PEXPIRE', key, '3000');

    for (let number = 2; number <= 40; number++) {
      write(ben, `Message ${number}`);
      write(cas, `Message ${number}`);
    }
    await eventually(() => expect(client.outbox.limitedUntil()).toBeGreaterThan(Date.now()));
    await eventually(() => expect(client.outbox.pendingCount()).toBe(2 * 39 - 49));
    await eventually(() => expect(client.outbox.pendingCount()).toBe(0));
    expect(client.connection.id).toBe(socketId);
    for (const [other, first] of [[ben, 1] as const, [cas, 2] as const]) {
      const { body } = await call<{ text: string }[]>(
        server.url,
        'GET',
        `/api/messages/${other.id}?limit=100`,
        { as: ann },
      );
      const texts = Array.from({ length: 41 - first }, (_, index) => `Message ${first + index}`);
      expect(body.map(({ text }) => text)).toEqual(texts);
    }
    // It asked once in each conversation, and not again and again.
    const { body: page } = await call<string>(server.url, 'GET', '/metrics');
    const refused = Number(/^chat_rate_limited_total\{limit="messages"\} (\d+)$/m.exec(page)?.[1]);
    expect(refused).toBeGreaterThanOrEqual(1);
    expect(refused).toBeLessThanOrEqual(2);
  } finally {
    client.stop();
    await server.close();
    await redis.close();
  }
}, 30_000);
