import { describe, expect, it } from 'vitest';
import type { Group, Message, SyncResult } from '../../src/protocol/types.ts';
import { emit, eventually, listen, type Person, send } from '../support/client.ts';
import { uniqueName } from '../support/names.ts';
import { expectProblem, NOBODY, testTarget } from './target.ts';

const target = testTarget();

type Send = (as: Person, groupId: string, text: string, clientId?: string) => Promise<Message>;
type Edit = (as: Person, messageId: string, text: string) => Promise<Message>;

const sendOverHttp: Send = async (as, groupId, text, clientId) => {
  const body = { text, ...(clientId === undefined ? {} : { clientId }) };
  return (await target.call<Message>('POST', `/api/groups/${groupId}/messages`, { as, body })).body;
};
const sendOverSocket: Send = async (as, groupId, text, clientId) =>
  send(await target.open(as), { groupId }, text, clientId);
const editOverHttp: Edit = async (as, id, text) =>
  (await target.call<Message>('PATCH', `/api/messages/${id}`, { as, body: { text } })).body;
const editOverSocket: Edit = async (as, messageId, text) => {
  const answer = await emit(await target.open(as), 'editMessage', { messageId, text });
  if (!answer.ok) throw new Error(answer.error.detail);
  return answer.message;
};

const at = ({ id }: Person): string => `<@${id}>`;
async function scene(more: object = {}) {
  const [ann, ben, cat] = await target.people('Ann', 'Ben', 'Cat');
  const { _id: groupId } = await target.group([ann, ben, cat], more);
  return { ann, ben, cat, groupId };
}
/** What a person's own list and the group itself say of unread mentions. */
async function standing(as: Person, groupId: string) {
  const one = await target.call<Group>('GET', `/api/groups/${groupId}`, { as });
  const list = await target.call<Group[]>('GET', '/api/groups', { as });
  const listed = list.body.find(({ _id }) => _id === groupId);
  const of = ({ unreadCount, mentionCount, mentionSeqs }: Partial<Group> = {}) => ({
    ...{ unreadCount, mentionCount, mentionSeqs },
  });
  expect(of(listed)).toEqual(of(one.body));
  return of(listed);
}
const expectMentions = (as: Person, groupId: string, seqs: number[], unread: number) =>
  eventually(async () =>
    expect(await standing(as, groupId)).toEqual({
      ...{ unreadCount: unread, mentionCount: seqs.length, mentionSeqs: seqs },
    }),
  );

describe.each([
  { transport: 'HTTP', write: sendOverHttp, edit: editOverHttp },
  { transport: 'a socket', write: sendOverSocket, edit: editOverSocket },
])('mentions over $transport', ({ write, edit }) => {
  it('are members and all, each once, in the order of the text', async () => {
    const { ann, ben, cat, groupId } = await scene();
    const heard = listen(await target.open(ben), 'newGroupMessage');
    const text = `${at(cat)} and ${at(ben)}, ${at(cat)}: <@all>, ${at(ann)}`;
    const message = await write(ann, groupId, text);
    expect(message).toMatchObject({ text, mentions: [cat.id, ben.id, 'all', ann.id] });
    expect(await heard.until()).toEqual(message);
    const path = `/api/groups/${groupId}/messages`;
    const page = await target.call<Message[]>('GET', path, { as: cat });
    expect(page.body).toEqual([message]);
    const since = { [groupId]: { seq: 0, rev: 0 } };
    const missed = await target.call<SyncResult>('POST', '/api/sync', { as: ben, body: { since } });
    expect(missed.body.changes.find((one) => one.conversationId === groupId)?.messages).toEqual([
      message,
    ]);
  });

  it('are no strangers: their token is the text that it is', async () => {
    const { ann, ben, groupId } = await scene();
    const [eve] = await target.people('Eve');
    const text = `${at(eve)} <@${NOBODY}> <@ALL> <@${ben.id.slice(1)}> @${ben.id}`;
    const message = await write(ann, groupId, text);
    expect(message.text).toBe(text);
    expect(message).not.toHaveProperty('mentions');
    expect((await write(ann, groupId, `${text} ${at(ben)}`)).mentions).toEqual([ben.id]);
  });

  it('are the same for a retry, whoever left meanwhile', async () => {
    const { ann, ben, groupId } = await scene();
    const clientId = uniqueName('client');
    const message = await write(ann, groupId, at(ben), clientId);
    expect((await target.call('POST', `/api/groups/${groupId}/leave`, { as: ben })).status).toBe(
      200,
    );
    expect(await write(ann, groupId, at(ben), clientId)).toEqual(message);
    expect(await write(ann, groupId, `${at(ben)}?`)).not.toHaveProperty('mentions');
  });

  it('come and go with an edit, and are gone from a deleted message', async () => {
    const { ann, ben, cat, groupId } = await scene();
    const { _id, mentions } = await write(ann, groupId, 'hello');
    expect(mentions).toBeUndefined();
    await expectMentions(ben, groupId, [], 1);
    expect((await edit(ann, _id, `hello ${at(ben)}`)).mentions).toEqual([ben.id]);
    await expectMentions(ben, groupId, [1], 1);
    await expectMentions(cat, groupId, [], 1);
    expect((await edit(ann, _id, `hello ${at(cat)}`)).mentions).toEqual([cat.id]);
    await expectMentions(ben, groupId, [], 1);
    await expectMentions(cat, groupId, [1], 1);
    expect(await edit(ann, _id, 'hello')).not.toHaveProperty('mentions');
    expect((await edit(ann, _id, `hello <@all>`)).mentions).toEqual(['all']);
    await expectMentions(cat, groupId, [1], 1);
    const path = `/api/messages/${_id}`;
    const deleted = await target.call<Message>('DELETE', path, { as: ann });
    expect(deleted.body).not.toHaveProperty('mentions');
    await expectMentions(ben, groupId, [], 1);
  });

  it('stay in an edited text that still names who left', async () => {
    const { ann, ben, cat, groupId } = await scene();
    const { _id } = await write(ann, groupId, `helo ${at(ben)}`);
    await target.call('POST', `/api/groups/${groupId}/leave`, { as: ben });
    const edited = await edit(ann, _id, `hello ${at(ben)} ${at(cat)}`);
    expect(edited.mentions).toEqual([ben.id, cat.id]);
    expect(await edit(ann, _id, 'hello')).not.toHaveProperty('mentions');
    expect(await edit(ann, _id, `hello ${at(ben)}`)).not.toHaveProperty('mentions');
  });
});

describe('unread mentions', () => {
  it('count what others wrote behind the reading position', async () => {
    const { ann, ben, cat, groupId } = await scene();
    for (const text of [at(ben), 'no one', `<@all> ${at(ben)}`, at(cat), `${at(ben)} again`]) {
      await sendOverHttp(ann, groupId, text);
    }
    await expectMentions(ben, groupId, [1, 3, 5], 5);
    await expectMentions(cat, groupId, [3, 4], 5);
    await expectMentions(ann, groupId, [], 0);
    const read = (seq: number) =>
      target.call('POST', `/api/groups/${groupId}/read`, { as: ben, body: { seq } });
    expect((await read(3)).status).toBe(200);
    await expectMentions(ben, groupId, [5], 2);
    await read(5);
    await expectMentions(ben, groupId, [], 0);
    // Who answers has read, and does not call themself.
    await sendOverHttp(cat, groupId, `<@all> ${at(cat)}`);
    await expectMentions(cat, groupId, [], 0);
    await expectMentions(ben, groupId, [6], 1);
  });

  it('leave out what is hidden from a new member', async () => {
    const { ann, ben, groupId } = await scene({ history: 'sinceJoin' });
    const [dan] = await target.people('Dan');
    await sendOverHttp(ann, groupId, `<@all> and ${at(dan)}`);
    const body = { memberIds: [dan.id] };
    await target.call('POST', `/api/groups/${groupId}/members`, { as: ann, body });
    await expectMentions(dan, groupId, [], 0);
    await sendOverHttp(ben, groupId, `welcome ${at(dan)}`);
    await expectMentions(dan, groupId, [2], 1);
  });

  it('list the newest of very many, and count all', async () => {
    const { ann, ben, groupId } = await scene();
    const socket = await target.open(ann);
    for (let part = 0; part < 11; part++) {
      await Promise.all(
        Array.from({ length: 10 }, () => send(socket, { groupId }, `hey ${at(ben)}`)),
      );
    }
    await eventually(async () => {
      const { mentionCount, mentionSeqs } = await standing(ben, groupId);
      expect(mentionCount).toBe(110);
      expect(mentionSeqs).toEqual(Array.from({ length: 100 }, (_, index) => index + 11));
    });
  });

  it('are nobody in direct conversations', async () => {
    const { ann, ben } = await scene();
    const message = await send(await target.open(ann), { to: ben.id }, `hello ${at(ben)}`);
    expect(message.text).toBe(`hello ${at(ben)}`);
    expect(message).not.toHaveProperty('mentions');
    const edited = await editOverHttp(ann, message._id, `hello, ${at(ben)} <@all>`);
    expect(edited).not.toHaveProperty('mentions');
  });

  it('are never taken from a client, nor may a stranger name anybody', async () => {
    const { ann, ben, groupId } = await scene();
    const path = `/api/groups/${groupId}/messages`;
    const given = { text: 'hello', mentions: [ben.id] };
    expectProblem(await target.call('POST', path, { as: ann, body: given }), 'invalid_input');
    const payload = { ...given, groupId, clientId: uniqueName('client') };
    const refused = await emit(await target.open(ann), 'sendMessage', payload);
    expect(refused).toMatchObject({ ok: false, error: { code: 'invalid_input' } });
    const [eve] = await target.people('Eve');
    const body = { text: at(ben) };
    expectProblem(await target.call('POST', path, { as: eve, body }), 'not_found');
    await expectMentions(ben, groupId, [], 0);
  });
});
