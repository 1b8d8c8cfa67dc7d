import { describe, expect, it } from 'vitest';
import type { Group } from '../../src/protocol/types.ts';
import { emit, eventually, listen, type Person, send } from '../support/client.ts';
import { uniqueName } from '../support/names.ts';
import { expectKeys, expectProblem, NOBODY, statuses, testTarget } from './target.ts';

const target = testTarget();
const request = <T = Group>(as: Person, method: string, path: string, body?: unknown) =>
  target.call<T>(method, `/api/groups${path}`, { as, ...(body === undefined ? {} : { body }) });
const groupKeys = [
  '_id',
  'name',
  'description',
  'groupPic',
  'history',
  'admins',
  'members',
  'createdAt',
  'updatedAt',
];
const ownKeys = ['lastMessage', 'unreadCount', 'mentionCount', 'mentionSeqs', 'readSeq', 'rev'];
const idsOf = ({ members }: Group): string[] => members.map(({ _id }) => _id);

describe('a group', () => {
  it('is made with its creator as admin, and its members are told', async () => {
    const [ann, ben] = await target.people('Ann', 'Ben');
    const told = listen(await target.open(ben), 'newGroup');
    const body = { name: ' Friends ', description: 'of us', memberIds: [ben.id, ben.id, ann.id] };
    const { status, body: group } = await request(ann, 'POST', '', body);
    expect(status).toBe(201);
    expectKeys(group, groupKeys, ownKeys);
    expect(group).toMatchObject({
      name: 'Friends',
      description: 'of us',
      groupPic: '',
      admins: [ann.id],
      members: [
        { _id: ann.id, fullName: 'Ann', profilePic: '', role: 'admin' },
        { _id: ben.id, fullName: 'Ben', profilePic: '', role: 'member' },
      ],
    });
    const announced = await told.until(({ _id }) => _id === group._id);
    expectKeys(announced, groupKeys, ownKeys);
  });

  it('is in the lists of its members alone', async () => {
    const [ann, ben, eve] = await target.people('Ann', 'Ben', 'Eve');
    const group = await target.group([ann, ben]);
    const listOf = async (person: Person) =>
      (await request<Group[]>(person, 'GET', '')).body.map(({ _id }) => _id);
    expect(await listOf(ann)).toEqual([group._id]);
    expect(await listOf(ben)).toEqual([group._id]);
    expect(await listOf(eve)).toEqual([]);
  });

  it('is not found by others, whatever they try', async () => {
    const [ann, eve] = await target.people('Ann', 'Eve');
    const { _id } = await target.group([ann]);
    const answers = await Promise.all([
      request(eve, 'GET', `/${_id}`),
      request(eve, 'PUT', `/${_id}`, { name: 'Mine' }),
      request(eve, 'DELETE', `/${_id}`),
      request(eve, 'POST', `/${_id}/members`, { memberIds: [eve.id] }),
      request(eve, 'DELETE', `/${_id}/members/${ann.id}`),
      request(eve, 'POST', `/${_id}/leave`),
      request(eve, 'GET', `/${_id}/messages`),
      request(eve, 'POST', `/${_id}/messages`, { text: 'x' }),
      request(eve, 'POST', `/${_id}/read`, { seq: 1 }),
    ]);
    for (const answer of answers) expectProblem(answer, 'not_found');
  });

  it('is changed by its admins alone', async () => {
    const [ann, ben] = await target.people('Ann', 'Ben');
    const { _id } = await target.group([ann, ben]);
    for (const answer of [
      await request(ben, 'PUT', `/${_id}`, { name: 'Mine' }),
      await request(ben, 'POST', `/${_id}/members`, { memberIds: [ben.id] }),
      await request(ben, 'DELETE', `/${_id}/members/${ann.id}`),
      await request(ben, 'DELETE', `/${_id}`),
    ]) {
      expectProblem(answer, 'forbidden');
    }
    const told = listen(await target.open(ben), 'groupUpdated');
    const changed = await request(ann, 'PUT', `/${_id}`, { name: 'Close friends' });
    expect(changed).toMatchObject({ status: 200, body: { _id, name: 'Close friends' } });
    expect((await told.until()).name).toBe('Close friends');
    expect((await request(ben, 'GET', `/${_id}`)).body.name).toBe('Close friends');
  });

  it('takes further members, who see what was written and hear what comes', async () => {
    const [ann, ben, cleo] = await target.people('Ann', 'Ben', 'Cleo');
    const { _id } = await target.group([ann, ben]);
    const [fromAnn, toBen, toCleo] = await Promise.all([ann, ben, cleo].map((p) => target.open(p)));
    if (fromAnn === undefined || toBen === undefined || toCleo === undefined) return;
    const early = await send(fromAnn, { groupId: _id }, 'early');
    const [updated, invited] = [listen(toBen, 'groupUpdated'), listen(toCleo, 'newGroup')];
    const heard = listen(toCleo, 'newGroupMessage');
    const added = await request(ann, 'POST', `/${_id}/members`, { memberIds: [cleo.id, ben.id] });
    expect(idsOf(added.body)).toEqual([ann.id, ben.id, cleo.id]);
    await invited.until((group) => group._id === _id);
    await updated.until((group) => idsOf(group).includes(cleo.id));
    expect((await request(cleo, 'GET', `/${_id}/messages`)).body).toEqual([early]);
    const late = await send(fromAnn, { groupId: _id }, 'late');
    expect(await heard.until()).toEqual(late);
  });

  it('hides what was written before one joined, when it says so', async () => {
    const [ann, ben] = await target.people('Ann', 'Ben');
    const { _id } = await target.group([ann], { history: 'sinceJoin' });
    const socket = await target.open(ann);
    await send(socket, { groupId: _id }, 'before');
    await request(ann, 'POST', `/${_id}/members`, { memberIds: [ben.id] });
    const after = await send(socket, { groupId: _id }, 'after');
    const seen = await request<unknown>(ben, 'GET', `/${_id}/messages`);
    expect([seen.body, seen.headers.get('link')]).toEqual([[after], null]);
    await eventually(async () => {
      expect((await request(ben, 'GET', `/${_id}`)).body.unreadCount).toBe(1);
    });
  });

  it('removes a member, who hears nothing more', async () => {
    const [ann, ben, cleo] = await target.people('Ann', 'Ben', 'Cleo');
    const { _id } = await target.group([ann, ben, cleo]);
    const [toBen, toCleo] = [await target.open(ben), await target.open(cleo)];
    const [removed, heard] = [listen(toBen, 'removedFromGroup'), listen(toBen, 'newGroupMessage')];
    const updated = listen(toCleo, 'groupUpdated');
    const answer = await request(ann, 'DELETE', `/${_id}/members/${ben.id}`);
    expect(idsOf(answer.body)).toEqual([ann.id, cleo.id]);
    expect(await removed.until()).toEqual({ groupId: _id });
    await updated.until((group) => !idsOf(group).includes(ben.id));
    const stillHeard = listen(toCleo, 'newGroupMessage');
    const fromAnn = await target.open(ann);
    await send(fromAnn, { groupId: _id }, 'without Ben');
    await stillHeard.until();
    // Ben hears this one, so what came before it cannot come any more.
    const direct = listen(toBen, 'newMessage');
    await send(fromAnn, { to: ben.id }, 'the last one');
    await direct.until();
    expect(heard.heard).toEqual([]);
    const refused = await emit(toBen, 'sendMessage', {
      groupId: _id,
      text: 'x',
      clientId: uniqueName('client'),
    });
    expect(refused).toMatchObject({ ok: false, error: { status: 404 } });
    expect(statuses([await request(ben, 'GET', `/${_id}`)])).toEqual([404]);
  });

  it('makes the longest-standing member admin when the last admin leaves', async () => {
    const [ann, ben, cleo] = await target.people('Ann', 'Ben', 'Cleo');
    const { _id } = await target.group([ann, ben]);
    await request(ann, 'POST', `/${_id}/members`, { memberIds: [cleo.id] });
    const told = listen(await target.open(cleo), 'groupUpdated');
    const left = await request(ann, 'POST', `/${_id}/leave`);
    expect(left).toMatchObject({ status: 200, body: { message: expect.any(String) } });
    expect((await told.until()).admins).toEqual([ben.id]);
    expect((await request(cleo, 'GET', `/${_id}`)).body.admins).toEqual([ben.id]);
    expect((await request(ben, 'PUT', `/${_id}`, { name: 'Ours' })).status).toBe(200);
  });

  it('ends when its last member leaves', async () => {
    const [ann] = await target.people('Ann');
    const { _id } = await target.group([ann]);
    expect((await request(ann, 'POST', `/${_id}/leave`)).status).toBe(200);
    expectProblem(await request(ann, 'GET', `/${_id}`), 'not_found');
    expect((await request(ann, 'GET', '')).body).toEqual([]);
  });

  it('is deleted for everybody', async () => {
    const [ann, ben] = await target.people('Ann', 'Ben');
    const { _id } = await target.group([ann, ben]);
    const told = listen(await target.open(ben), 'groupDeleted');
    expect((await request(ann, 'DELETE', `/${_id}`)).status).toBe(200);
    expect(await told.until()).toEqual({ groupId: _id });
    expectProblem(await request(ben, 'GET', `/${_id}/messages`), 'not_found');
  });

  it.each([
    ['an empty name', { name: ' ' }, 'name'],
    ['a name of 101 characters', { name: 'a'.repeat(101) }, 'name'],
    ['a line break in the name', { name: 'a\nb' }, 'name'],
    ['a long description', { description: 'a'.repeat(501) }, 'description'],
    ['a member that is no id', { memberIds: ['x'] }, 'memberIds.0'],
    ['another history', { history: 'none' }, 'history'],
  ])('is refused with %s', async (_what, fault, path) => {
    const [ann] = await target.people('Ann');
    const refused = await request(ann, 'POST', '', { name: 'x', memberIds: [], ...fault });
    expectProblem(refused, 'invalid_input');
    expect(refused.body).toMatchObject({ errors: [{ path }] });
  });

  it('is refused with a member who does not exist', async () => {
    const [ann] = await target.people('Ann');
    expectProblem(await request(ann, 'POST', '', { name: 'x', memberIds: [NOBODY] }), 'not_found');
  });
});
