/** Mentions and their counts on two instances. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Group, Message } from '../../src/protocol/types.ts';
import { call, connect, eventually, listen, type Person, send, signUp } from '../support/client.ts';
import { startTestCluster, type TestCluster } from '../support/server.ts';

describe.each([
  { name: 'with Redis', options: {} },
  { name: 'without Redis', options: { redisUrl: 'off' } },
])('mentions on two instances $name', ({ options }) => {
  let cluster: TestCluster;
  let ann: Person;
  let ben: Person;
  let groupId: string;
  beforeAll(async () => {
    cluster = await startTestCluster(options);
    [ann, ben] = await Promise.all([signUp(cluster.a.url, 'Ann'), signUp(cluster.b.url, 'Ben')]);
    const body = { name: 'Friends', memberIds: [ben.id] };
    groupId = (await call<Group>(cluster.a.url, 'POST', '/api/groups', { as: ann, body })).body._id;
  });
  afterAll(() => cluster.close());

  const countAt = async (url: string): Promise<number | undefined> =>
    (await call<Group[]>(url, 'GET', '/api/groups', { as: ben })).body[0]?.mentionCount;
  /** On both, from whichever copies they have. */
  const expectCount = (count: number) =>
    eventually(async () => {
      for (const { url } of cluster.servers) expect(await countAt(url)).toBe(count);
    });

  it('are told and counted on the other one, after each change', async () => {
    const { a, b } = cluster;
    await expectCount(0);
    const socket = await connect(b.url, ben);
    const heard = listen(socket, 'newGroupMessage');
    const updated = listen(socket, 'messageUpdated');
    const sender = await connect(a.url, ann);
    const message = await send(sender, { groupId }, `hello <@${ben.id}>`);
    expect(await heard.until()).toEqual(message);
    expect(message.mentions).toEqual([ben.id]);
    await expectCount(1);

    const path = `/api/messages/${message._id}`;
    const edit = async (url: string, text: string): Promise<Message> =>
      (await call<Message>(url, 'PATCH', path, { as: ann, body: { text } })).body;
    const plain = await edit(b.url, 'hello');
    expect(await updated.until(({ rev }) => rev === plain.rev)).toEqual(plain);
    await expectCount(0);
    const named = await edit(a.url, 'hello <@all>');
    expect(await updated.until(({ rev }) => rev === named.rev)).toMatchObject({
      mentions: ['all'],
    });
    await expectCount(1);

    const read = { as: ben, body: { seq: message.seq } };
    expect((await call(b.url, 'POST', `/api/groups/${groupId}/read`, read)).status).toBe(200);
    // At once where it was told, soon elsewhere.
    expect(await countAt(b.url)).toBe(0);
    await expectCount(0);
    for (const one of [socket, sender]) one.disconnect();
  });

  it('are of those who are members when the message is sent', async () => {
    const { a, b } = cluster;
    const cat = await signUp(b.url, 'Cat');
    const sender = await connect(a.url, ann);
    const text = `hello <@${cat.id}>`;
    expect(await send(sender, { groupId }, text)).not.toHaveProperty('mentions');
    const body = { memberIds: [cat.id] };
    await call(b.url, 'POST', `/api/groups/${groupId}/members`, { as: ann, body });
    expect((await send(sender, { groupId }, text)).mentions).toEqual([cat.id]);
    await call(b.url, 'POST', `/api/groups/${groupId}/leave`, { as: cat });
    expect(await send(sender, { groupId }, text)).not.toHaveProperty('mentions');
    sender.disconnect();
  });
});
