/** What a send gets while MongoDB cannot be reached: the network to it is really cut. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { Message, SyncResult } from '../../src/protocol/types.ts';
import {
  type ClientSocket,
  call,
  connect,
  emit,
  eventually,
  listen,
  type Person,
  send,
  signUp,
} from '../support/client.ts';
import { type Network, openNetwork } from '../support/network.ts';
import { startTestServer, type TestServer, uniqueName } from '../support/server.ts';

describe.each([{ redis: true }, { redis: false }])(
  'without MongoDB, Redis: $redis',
  { timeout: 40_000 },
  ({ redis }) => {
    let network: Network;
    let server: TestServer;
    let ann: Person;
    let ben: Person;
    let socket: ClientSocket;
    let groupId: string;

    beforeAll(async () => {
      network = await openNetwork(inject('mongodbUri').replace('mongodb:', 'http:'));
      server = await startTestServer({
        // Past the proxy the driver would find the member's own address.
        mongodbUri: `mongodb://${new URL(network.url).host}/?directConnection=true`,
        ...(redis ? {} : { redisUrl: 'off' }),
      });
      [ann, ben] = [await signUp(server.url), await signUp(server.url)];
      socket = await connect(server.url, ann);
      await send(socket, { to: ben.id }, 'before');
      const group = await call<{ _id: string }>(server.url, 'POST', '/api/groups', {
        as: ann,
        body: { name: 'Friends', memberIds: [ben.id] },
      });
      groupId = group.body._id;
      await send(socket, { groupId }, 'before');
    });
    afterAll(async () => {
      socket.disconnect();
      await server.close();
      await network.close();
    });

    const write = (recipient: object, text: string) =>
      emit(socket, 'sendMessage', { ...recipient, text, clientId: uniqueName('client') });

    it('every send is refused as unavailable within 5 s, and nothing appears later', async () => {
      network.cut();
      const began = performance.now();
      const answers = await Promise.all([
        ...Array.from({ length: 6 }, (_, index) => write({ groupId }, `lost ${index}`)),
        write({ to: ben.id }, 'lost, too'),
      ]);
      const took = performance.now() - began;
      network.restore();
      expect(answers).toEqual(
        answers.map(() => ({
          ok: false,
          error: expect.objectContaining({ status: 503, code: 'unavailable', retryAfter: 1 }),
        })),
      );
      expect(took).toBeLessThan(5_000);
      await eventually(() => send(socket, { to: ben.id }, 'after'));
      await eventually(() => send(socket, { groupId }, 'after'));
      for (const path of [`/api/messages/${ben.id}`, `/api/groups/${groupId}/messages`]) {
        const history = await call<Message[]>(server.url, 'GET', path, { as: ann });
        expect(history.body.map(({ text }) => text)).toEqual(['before', 'after']);
      }
    });

    it('a message that was stored all the same is found by sync, although nothing follows', async () => {
      const reader = await connect(server.url, ben);
      const heads = listen(reader, 'conversationHeads');
      const conversationId = [ann.id, ben.id].sort().join('-');
      const known = (await heads.until((list) => list.length > 0)).find(
        (head) => head.conversationId === conversationId,
      );
      // The database gets the message, and its answer is lost on the way back.
      const held = network.holdAnswers('stored, answer lost');
      const lost = write({ to: ben.id }, 'stored, answer lost');
      await held;
      network.cut();
      expect(await lost).toMatchObject({ ok: false, error: { status: 503 } });
      network.restore();
      const head = await heads.until((list) =>
        list.some((one) => one.conversationId === conversationId && one.seq > (known?.seq ?? 0)),
      );
      expect(head).toBeDefined();
      const { body } = await call<SyncResult>(server.url, 'POST', '/api/sync', {
        as: ben,
        body: { since: { [conversationId]: { seq: known?.seq, rev: 0, lastId: known?.lastId } } },
      });
      expect(body.changes[0]?.messages.map(({ text }) => text)).toEqual(['stored, answer lost']);
      reader.disconnect();
    });
  },
);
