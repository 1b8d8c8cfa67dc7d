/** What was received, on two instances. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Group, MemberPosition } from '../../src/protocol/types.ts';
import {
  call,
  connect,
  emit,
  eventually,
  listen,
  type Person,
  send,
  signUp,
} from '../support/client.ts';
import { startTestCluster, type TestCluster } from '../support/server.ts';

describe.each([
  { name: 'with Redis', options: {} },
  { name: 'without Redis', options: { redisUrl: 'off' } },
])('what was received, on two instances $name', ({ options }) => {
  let cluster: TestCluster;
  let ann: Person;
  let ben: Person;
  beforeAll(async () => {
    cluster = await startTestCluster(options);
    [ann, ben] = await Promise.all([signUp(cluster.a.url, 'Ann'), signUp(cluster.b.url, 'Ben')]);
  });
  afterAll(() => cluster.close());

  it('is told on the other one, and can be asked for there', async () => {
    const { a, b } = cluster;
    const [socket, device] = [await connect(a.url, ann), await connect(b.url, ben)];
    const told = listen(socket, 'conversationDelivered');
    const heard = listen(device, 'newMessage');
    const { conversationId } = await send(socket, { to: ben.id }, 'hello');
    await heard.until();
    // Who was told of a message may say at once that they have it.
    await eventually(async () => {
      const positions = [{ conversationId, seq: 1 }];
      const answer = await emit(device, 'markDelivered', { positions });
      expect(answer).toMatchObject({ ok: true, delivered: [{ conversationId, seq: 1 }] });
    });
    expect(await told.until()).toEqual({ conversationId, userId: ben.id, seq: 1 });
    const path = `/api/messages/${ben.id}/positions`;
    const { body } = await call<MemberPosition[]>(a.url, 'GET', path, { as: ann });
    expect(body).toContainEqual({ userId: ben.id, readSeq: 0, deliveredSeq: 1, fromSeq: 0 });
    for (const one of [socket, device]) one.disconnect();
  });

  it('begins anew for who left a group and came back', async () => {
    const { a, b } = cluster;
    const body = { name: 'Friends', memberIds: [ben.id], history: 'all' };
    const made = await call<Group>(a.url, 'POST', '/api/groups', { as: ann, body });
    const groupId = made.body._id;
    const [socket, device] = [await connect(a.url, ann), await connect(b.url, ben)];
    await send(socket, { groupId }, 'hello');
    const positions = [{ conversationId: groupId, seq: 1 }];
    const deliver = () => emit(device, 'markDelivered', { positions });
    const deliveredSeq = async () => {
      const path = `/api/groups/${groupId}/positions`;
      const answer = await call<MemberPosition[]>(a.url, 'GET', path, { as: ann });
      return answer.body.find(({ userId }) => userId === ben.id)?.deliveredSeq;
    };
    await eventually(async () => {
      await deliver();
      expect(await deliveredSeq()).toBe(1);
    });
    await call(b.url, 'POST', `/api/groups/${groupId}/leave`, { as: ben });
    expect(await deliver()).toMatchObject({ ok: true, delivered: [] });
    const members = { memberIds: [ben.id] };
    await call(a.url, 'POST', `/api/groups/${groupId}/members`, { as: ann, body: members });
    expect(await deliveredSeq()).toBe(0);
    await eventually(async () => {
      await deliver();
      expect(await deliveredSeq()).toBe(1);
    });
    for (const one of [socket, device]) one.disconnect();
  });
});
