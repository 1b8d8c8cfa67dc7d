/** The client library without a browser, as a bot uses it, against a real server. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Message } from '../../src/protocol/types.ts';
import { ParleyClient } from '../../src/web/client/client.ts';
import { createMemoryStorage } from '../../src/web/client/outbox-storage.ts';
import { eventually, type Person, signUp } from '../support/client.ts';
import { type Network, openNetwork } from '../support/network.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

let server: TestServer;
let network: Network;
const running: ParleyClient[] = [];

beforeEach(async () => {
  server = await startTestServer();
  network = await openNetwork(server.url);
});
afterEach(async () => {
  for (const client of running.splice(0)) client.stop();
  await network.close();
  await server.close();
});

async function start(person: Person, url = server.url): Promise<ParleyClient> {
  const { id: ownId, token } = person;
  const client = new ParleyClient({ baseUrl: url, token, ownId, storage: createMemoryStorage() });
  running.push(client);
  client.start();
  await Promise.all([client.loadPeople(), client.loadGroups()]);
  await eventually(() => expect(client.connection.status).toBe('online'));
  return client;
}

const idOf = (a: Person, b: Person) => [a.id, b.id].sort().join('-');
const texts = (messages: readonly Message[]) => messages.map(({ text }) => text);

it('loses, doubles and swaps nothing when the network breaks again and again', async () => {
  const [ann, ben] = [await signUp(server.url), await signUp(server.url)];
  const id = idOf(ann, ben);
  const writer = await start(ann, network.url);
  const reader = await start(ben, network.url);
  const count = 60;
  for (let number = 1; number <= count; number += 1) {
    writer.outbox.add(id, { to: ben.id }, { text: `From Ann ${number}` });
    reader.outbox.add(id, { to: ann.id }, { text: `From Ben ${number}` });
    if (number % 20 !== 0) continue;
    await eventually(() => expect(reader.messages.lastSeq(id)).toBeGreaterThan(number / 2));
    network.cut();
    await eventually(() => expect(writer.connection.status).toBe('offline'));
    network.restore();
  }
  for (const client of [writer, reader]) {
    await eventually(() => expect(client.outbox.pendingCount()).toBe(0));
    await eventually(() => expect(client.messages.lastSeq(id)).toBe(2 * count));
  }
  const shown = writer.messages.view(id).messages;
  expect(texts(reader.messages.view(id).messages)).toEqual(texts(shown));
  for (const name of ['Ann', 'Ben']) {
    expect(texts(shown).filter((text) => text.includes(name))).toEqual(
      Array.from({ length: count }, (_, index) => `From ${name} ${index + 1}`),
    );
  }
}, 60_000);

it('clears the badge of one device when another has read', async () => {
  const [ann, ben] = [await signUp(server.url), await signUp(server.url)];
  const id = idOf(ann, ben);
  const writer = await start(ann);
  const [phone, desk] = [await start(ben), await start(ben)];
  writer.outbox.add(id, { to: ben.id }, { text: 'One' });
  const unread = (client: ParleyClient) => client.messages.summaries().get(id)?.unread;
  await eventually(() => expect([unread(phone), unread(desk)]).toEqual([1, 1]));
  phone.reads.seen(id, 1);
  expect(unread(phone)).toBe(0);
  await eventually(() => expect(unread(desk)).toBe(0));
});

it('fetches what was said in a conversation that began while it was away', async () => {
  const [ann, ben] = [await signUp(server.url), await signUp(server.url)];
  const id = idOf(ann, ben);
  const reader = await start(ben, network.url);
  const writer = await start(ann);
  network.cut();
  await eventually(() => expect(reader.connection.status).toBe('offline'));
  for (const text of ['One', 'Two', 'Three']) writer.outbox.add(id, { to: ben.id }, { text });
  await eventually(() => expect(writer.outbox.pendingCount()).toBe(0));
  network.restore();
  await eventually(() => expect(texts(reader.messages.view(id).messages)).toHaveLength(3));
});

it('learns who is online, and who went', async () => {
  const [ann, ben] = [await signUp(server.url), await signUp(server.url)];
  const watcher = await start(ann);
  const answered = new Promise<void>((resolve) => {
    watcher.presence.changed.listen(resolve);
  });
  watcher.presence.show(ben.id);
  await answered;
  const other = await start(ben);
  await eventually(() => expect(watcher.presence.of(ben.id)?.online).toBe(true));
  other.stop();
  await eventually(() => expect(watcher.presence.of(ben.id)?.online).toBe(false));
});
