/** An operation that MongoDB's driver would never end must not hold up what stands behind it. */

import { Socket } from 'node:net';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { createMessageStore } from '../../src/features/messages/messages.store.ts';
import { withoutCaches } from '../../src/infra/cache.ts';
import { connectMongo, newId } from '../../src/infra/mongo.ts';
import { createPoolMonitor } from '../../src/infra/mongo-pool.ts';
import { createDatabaseName, dropDatabase } from '../support/database.ts';
import { type Network, openNetwork } from '../support/network.ts';

const database = createDatabaseName();
const pool = createPoolMonitor();
let network: Network;
let connection: Awaited<ReturnType<typeof connectMongo>>;
beforeAll(async () => {
  network = await openNetwork(inject('mongodbUri').replace('mongodb:', 'http:'));
  // Past the network in between the driver would find the member's own address.
  const uri = `mongodb://${new URL(network.url).host}/${database}?directConnection=true`;
  connection = await connectMongo(uri, { poolMin: 1, poolMax: 5 }, pino({ level: 'silent' }), pool);
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

/** The driver's ends of its connections. */
const clientSockets = (): Socket[] => {
  const { _getActiveHandles } = process as unknown as { _getActiveHandles(): unknown[] };
  const port = Number(new URL(network.url).port);
  return _getActiveHandles
    .call(process)
    .filter((handle): handle is Socket => handle instanceof Socket && handle.remotePort === port);
};

it('goes on when a connection closes in the instant in which an operation takes it', async () => {
  const store = createMessageStore(connection, withoutCaches());
  expect(await store.insertOrdered([message('before')])).toMatchObject({ inserted: 1 });
  connection.getClient().once('connectionCheckedOut', () => {
    // As when the server's end of the connection was read, and its closing not told yet.
    for (const socket of clientSockets()) socket.destroy();
  });
  expect(await store.insertOrdered([message('then')])).toMatchObject({ inserted: 1 });
  expect(pool.state()).toMatchObject({ in_use: 0, waiting: 0 });
});

it('gives a write up whose connection closed before it was taken, and goes on', {
  // Two tries of 8 s: while data waits in a socket, its timer begins once more.
  timeout: 40_000,
}, async () => {
  const store = createMessageStore(connection, withoutCaches());
  expect(await store.insertOrdered([message('before')])).toMatchObject({ inserted: 1 });
  network.stall();
  // More than the buffers on the way take.
  const large = Array.from({ length: 3 }, () => message('x'.repeat(5_000_000)));
  await expect(store.insertOrdered(large)).rejects.toThrow('timed out');
  expect(await store.insertOrdered([message('after')])).toMatchObject({ inserted: 1 });
  expect(pool.state()).toMatchObject({ in_use: 0, waiting: 0 });
});
