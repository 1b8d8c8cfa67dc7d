/** An operation that MongoDB's driver never ends must not hold up the messages behind it. */

import { pino } from 'pino';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { createMessageStore } from '../../src/features/messages/messages.store.ts';
import { connectMongo, newId } from '../../src/infra/mongo.ts';
import { createDatabaseName, dropDatabase } from '../support/database.ts';
import { type Network, openNetwork } from '../support/network.ts';

const database = createDatabaseName();
let network: Network;
let connection: Awaited<ReturnType<typeof connectMongo>>;
beforeAll(async () => {
  network = await openNetwork(inject('mongodbUri').replace('mongodb:', 'http:'));
  // Past the network in between the driver would find the member's own address.
  const uri = `mongodb://${new URL(network.url).host}/${database}?directConnection=true`;
  connection = await connectMongo(uri, { poolMin: 1, poolMax: 5 }, pino({ level: 'silent' }));
});
afterAll(async () => {
  await connection.close();
  await network.close();
  await dropDatabase(database);
});

const message = (text: string) => ({
  ...{ _id: newId(), conversationId: newId(), seq: 1, senderId: newId(), clientId: newId() },
  ...{ text, contentHash: '', rev: 0, createdAt: new Date(), updatedAt: new Date() },
});

it('gives a write up whose connection closed before it was taken, and goes on', {
  timeout: 40_000,
}, async () => {
  const store = createMessageStore(connection);
  expect(await store.insertOrdered([message('before')])).toMatchObject({ inserted: 1 });
  network.stall();
  // More than the buffers on the way take.
  const large = Array.from({ length: 3 }, () => message('x'.repeat(5_000_000)));
  await expect(store.insertOrdered(large)).rejects.toThrow('took longer');
  expect(await store.insertOrdered([message('after')])).toMatchObject({ inserted: 1 });
});
