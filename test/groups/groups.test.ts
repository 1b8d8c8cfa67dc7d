import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Group, Message, ReadPosition } from '../../src/protocol/types.ts';
import {
  type ClientSocket,
  call,
  connect,
  emit,
  listen,
  type Person,
  send,
  signUp,
} from '../support/client.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

const picture = () =>
  sharp({ create: { width: 8, height: 8, channels: 3, background: '#2a7f78' } })
    .png()
    .toBuffer();

describe('a group', () => {
  let server: TestServer;
  let ann: Person;
  let ben: Person;
  let cleo: Person;
  const sockets: ClientSocket[] = [];
  beforeAll(async () => {
    server = await startTestServer();
    [ann, ben, cleo] = [
      await signUp(server.url, 'Ann'),
      await signUp(server.url, 'Ben'),
      await signUp(server.url, 'Cleo'),
    ];
  });
  afterAll(async () => {
    for (const socket of sockets) socket.disconnect();
    await server.close();
  });

  const open = async (person: Person): Promise<ClientSocket> => {
    const socket = await connect(server.url, person);
    sockets.push(socket);
    return socket;
  };
  const request = <T = Group>(as: Person, method: string, path: string, body?: unknown) =>
    call<T>(server.url, method, `/api/groups${path}`, {
      as,
      ...(body === undefined ? {} : { body }),
    });
  const create = async (as: Person, members: Person[], more: object = {}): Promise<Group> => {
    const body = { name: 'Friends', memberIds: members.map(({ id }) => id), ...more };
    const answer = await request(as, 'POST', '', body);
    expect(answer.status).toBe(201);
    return answer.body;
  };

  it('shows who sees it since they joined no earlier picture, but its own', async () => {
    const image = `data:image/png;base64,${(await picture()).toString('base64')}`;
    const group = await create(ann, [], { history: 'sinceJoin', groupPic: image });
    const sent = async () =>
      (await request<Message>(ann, 'POST', `/${group._id}/messages`, { image })).body.image ?? '';
    const before = await sent();
    await request(ann, 'POST', `/${group._id}/members`, { memberIds: [ben.id] });
    const after = await sent();
    const status = async (path: string) =>
      (await call(server.url, 'GET', path, { as: ben })).status;
    expect(await status(before)).toBe(404);
    expect(await status(after)).toBe(200);
    expect(await status(group.groupPic)).toBe(200);
  });

  it('is made with its creator as admin, and its members are told', async () => {
    const told = listen(await open(ben), 'newGroup');
    const group = await create(ann, [ben, ben]);
    expect(group).toMatchObject({ name: 'Friends', admins: [ann.id] });
    expect(group.members.map(({ fullName, role }) => [fullName, role])).toEqual([
      ['Ann', 'admin'],
      ['Ben', 'member'],
    ]);
    await told.until(({ _id }) => _id === group._id);
  });

  it('carries messages to every member and counts what is unread', async () => {
    const group = await create(ann, [ben, cleo]);
    const [fromAnn, toBen, own] = [await open(ann), await open(ben), await open(ann)];
    const [heard, echoed] = [listen(toBen, 'newGroupMessage'), listen(own, 'newGroupMessage')];
    const message = await send(fromAnn, { groupId: group._id }, 'hello all');
    expect(await heard.until()).toEqual(message);
    expect(await echoed.until()).toEqual(message);
    expect(message).toMatchObject({ groupId: group._id, seq: 1 });
    const unread = async (person: Person): Promise<number | undefined> =>
      (await request(person, 'GET', `/${group._id}`)).body.unreadCount;
    expect([await unread(ann), await unread(ben)]).toEqual([0, 1]);
    const read = listen(toBen, 'conversationRead');
    const answer = await request<ReadPosition>(ben, 'POST', `/${group._id}/read`, { seq: 9 });
    expect(answer.body).toMatchObject({ conversationId: group._id, seq: 1 });
    await read.until(({ userId }) => userId === ben.id);
    expect(await unread(ben)).toBe(0);
  });

  it('is changed by admins only', async () => {
    const group = await create(ann, [ben]);
    const told = listen(await open(ben), 'groupUpdated');
    const path = `/${group._id}`;
    for (const [method, suffix, body] of [
      ['PUT', '', { name: 'Mine' }],
      ['DELETE', '', undefined],
      ['POST', '/members', { memberIds: [cleo.id] }],
      ['DELETE', `/members/${ann.id}`, undefined],
    ] as const) {
      expect((await request(ben, method, path + suffix, body)).status, method).toBe(403);
      expect((await request(cleo, method, path + suffix, body)).status, method).toBe(404);
    }
    const renamed = await request(ann, 'PUT', path, { name: 'Close friends' });
    expect(renamed.body.name).toBe('Close friends');
    await told.until(({ name }) => name === 'Close friends');
    const added = await request(ann, 'POST', `${path}/members`, { memberIds: [cleo.id] });
    expect(added.body.members).toHaveLength(3);
    expect((await request(cleo, 'GET', path)).status).toBe(200);
  });

  it('hides earlier messages from new members when it says so', async () => {
    const group = await create(ann, [], { history: 'sinceJoin' });
    const socket = await open(ann);
    await send(socket, { groupId: group._id }, 'before');
    await request(ann, 'POST', `/${group._id}/members`, { memberIds: [ben.id] });
    await send(socket, { groupId: group._id }, 'after');
    const seen = await request<Message[]>(ben, 'GET', `/${group._id}/messages`);
    expect(seen.body.map(({ text }) => text)).toEqual(['after']);
    expect(seen.headers.get('link')).toBeNull();
    const synced = await emit(await open(ben), 'sync', { since: {} });
    expect(JSON.stringify(synced)).not.toContain('"before"');
  });

  it('gets a new admin when the last one leaves, and ends with its last member', async () => {
    const group = await create(ann, [ben, cleo]);
    await request(ann, 'POST', `/${group._id}/leave`);
    const after = await request(ben, 'GET', `/${group._id}`);
    expect(after.body.admins).toEqual([ben.id]);
    expect((await request(ben, 'DELETE', `/${group._id}/members/${cleo.id}`)).status).toBe(200);
    await request(ben, 'POST', `/${group._id}/leave`);
    expect((await request(ben, 'GET', `/${group._id}`)).status).toBe(404);
  });

  it('keeps an admin when all admins leave at once', async () => {
    const group = await create(ann, [ben, cleo]);
    await Promise.all([ann, ben].map((person) => request(person, 'POST', `/${group._id}/leave`)));
    expect((await request(cleo, 'GET', `/${group._id}`)).body.admins).toEqual([cleo.id]);
  });

  it('is deleted for everyone', async () => {
    const group = await create(ann, [ben]);
    const told = listen(await open(ben), 'groupDeleted');
    await request(ann, 'DELETE', `/${group._id}`);
    await told.until(({ groupId }) => groupId === group._id);
    expect((await request(ben, 'GET', `/${group._id}/messages`)).status).toBe(404);
    const list = await request<Group[]>(ben, 'GET', '');
    expect(list.body.map(({ _id }) => _id)).not.toContain(group._id);
  });

  it('refuses bad input by name', async () => {
    const nobody = '0123456789abcdef01234567';
    for (const [body, status, path] of [
      [{ name: ' ', memberIds: [] }, 400, 'name'],
      [{ name: 'x', memberIds: ['y'] }, 400, 'memberIds.0'],
      [{ name: 'x', memberIds: [], admins: [] }, 400, 'admins'],
      [{ name: 'x', memberIds: [], history: 'none' }, 400, 'history'],
      [{ name: 'x', memberIds: [nobody] }, 404, undefined],
    ] as const) {
      const answer = await request<{ errors?: { path: string }[] }>(ann, 'POST', '', body);
      expect(answer.status).toBe(status);
      expect(answer.body.errors?.[0]?.path).toBe(path);
    }
  });
});
