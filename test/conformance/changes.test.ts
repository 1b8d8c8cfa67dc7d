import { describe, expect, it } from 'vitest';
import { limits } from '../../src/protocol/limits.ts';
import type { Problem } from '../../src/protocol/problems.ts';
import type { Contact, Message, SyncResult } from '../../src/protocol/types.ts';
import { emit, listen, type Person } from '../support/client.ts';
import { uniqueName } from '../support/names.ts';
import { type Conversation, type Kind, NOBODY, PNG, statuses, testTarget } from './target.ts';

const target = testTarget();

interface Answer {
  status: number;
  message?: Message;
  problem?: Problem;
}
interface Way {
  edit(as: Person, id: string, text: string): Promise<Answer>;
  remove(as: Person, id: string): Promise<Answer>;
  react(as: Person, id: string, emoji: string, active?: boolean): Promise<Answer>;
}

async function http(as: Person, method: string, path: string, body?: object): Promise<Answer> {
  const answer = await target.call<Message & Problem>(method, path, {
    as,
    ...(body === undefined ? {} : { body }),
  });
  const { status } = answer;
  return status < 300 ? { status, message: answer.body } : { status, problem: answer.body };
}

async function ack(
  as: Person,
  event: 'editMessage' | 'deleteMessage' | 'reactToMessage',
  payload: object,
): Promise<Answer> {
  const answer = await emit(await target.open(as), event, payload);
  return answer.ok
    ? { status: 200, message: answer.message }
    : { status: answer.error.status, problem: answer.error };
}

const ways: Record<string, Way> = {
  HTTP: {
    edit: (as, id, text) => http(as, 'PATCH', `/api/messages/${id}`, { text }),
    remove: (as, id) => http(as, 'DELETE', `/api/messages/${id}`),
    react: (as, id, emoji, active = true) =>
      http(
        as,
        active ? 'PUT' : 'DELETE',
        `/api/messages/${id}/reactions/${encodeURIComponent(emoji)}`,
      ),
  },
  'a socket': {
    edit: (as, messageId, text) => ack(as, 'editMessage', { messageId, text }),
    remove: (as, messageId) => ack(as, 'deleteMessage', { messageId }),
    react: (as, messageId, emoji, active) =>
      ack(as, 'reactToMessage', { messageId, emoji, ...(active === false ? { active } : {}) }),
  },
};

async function post(chat: Conversation, as: Person, to: Person, content: object): Promise<Message> {
  const answer = await target.call<Message>('POST', chat.sendPath(to), { as, body: content });
  expect(answer.status).toBe(201);
  return answer.body;
}

async function history(chat: Conversation, as: Person, other: Person, query = '') {
  const answer = await target.call<Message[]>('GET', `${chat.historyPath(other)}${query}`, { as });
  expect(answer.status).toBe(200);
  return answer.body;
}

async function changesSince(as: Person, id: string, last: Message, rev: number) {
  const body = { since: { [id]: { seq: last.seq, rev, lastId: last._id } } };
  const answer = await target.call<SyncResult>('POST', '/api/sync', { as, body });
  return answer.body.changes.find(({ conversationId }) => conversationId === id);
}

const everyWay = (['direct', 'group'] as const).flatMap((kind) =>
  Object.keys(ways).map((transport) => ({ kind, transport, way: ways[transport] as Way })),
);

describe.each(everyWay)('changing a $kind message over $transport', ({ kind, way }) => {
  async function scene() {
    const chat = await target.conversation(kind);
    const { ann, ben } = chat;
    const message = await post(chat, ann, ben, { text: 'helo' });
    const [ears, own] = [await target.open(ben), await target.open(ann)];
    return { chat, ann, ben, message, ears, own };
  }

  it('edits it: everybody hears, and every reading shows it', async () => {
    const { chat, ann, ben, message, ears, own } = await scene();
    const [heard, heardOwn] = [listen(ears, 'messageUpdated'), listen(own, 'messageUpdated')];
    const { status, message: edited } = await way.edit(ann, message._id, '  hello ');
    expect(status).toBe(200);
    expect(edited).toEqual({
      ...message,
      text: 'hello',
      rev: 1,
      editedAt: expect.any(String),
      updatedAt: edited?.editedAt,
    });
    expect(await heard.until()).toEqual(edited);
    expect(await heardOwn.until()).toEqual(edited);
    expect(await history(chat, ben, ann)).toEqual([edited]);
    expect(await history(chat, ann, ben, '?before=2')).toEqual([edited]);
    expect(await changesSince(ben, chat.id, message, 0)).toMatchObject({
      messages: [edited],
      upTo: { seq: 1, rev: 1 },
    });
    // Again: nothing changes.
    expect((await way.edit(ann, message._id, 'hello')).message).toEqual(edited);
    const twice = (await way.edit(ann, message._id, 'hello!')).message;
    expect(twice).toMatchObject({ text: 'hello!', rev: 2 });
  });

  it('deletes it: its place stays, its content does not', async () => {
    const { chat, ann, ben, message, ears } = await scene();
    await way.edit(ann, message._id, 'hello');
    await way.react(ben, message._id, '👍');
    const heard = listen(ears, 'messageDeleted');
    const { status, message: deleted } = await way.remove(ann, message._id);
    expect(status).toBe(200);
    expect(deleted).toEqual({
      ...message,
      text: '',
      rev: 3,
      deletedAt: expect.any(String),
      updatedAt: deleted?.deletedAt,
    });
    expect(await heard.until()).toEqual(deleted);
    expect(await history(chat, ben, ann)).toEqual([deleted]);
    expect((await way.remove(ann, message._id)).message).toEqual(deleted);
    const refusals = [
      await way.edit(ann, message._id, 'again'),
      await way.react(ben, message._id, '👍'),
    ];
    expect(statuses(refusals)).toEqual([404, 404]);
  });

  it('counts reactions, and who chose them', async () => {
    const { chat, ann, ben, message, ears } = await scene();
    const heard = listen(ears, 'messageReaction');
    const thumb = [{ emoji: '👍', userIds: [ann.id] }];
    const { status, message: first } = await way.react(ann, message._id, '👍');
    expect(status).toBe(200);
    expect(first).toMatchObject({ text: 'helo', rev: 1, reactions: thumb });
    expect(first).not.toHaveProperty('editedAt');
    expect(await heard.until()).toEqual(first);
    // Again, with a second one, and by somebody else.
    expect((await way.react(ann, message._id, '👍')).message).toEqual(first);
    // Without the sign that makes it an emoji, as keyboards send it.
    await way.react(ann, message._id, '❤');
    const all = (await way.react(ben, message._id, '👍')).message;
    expect(all?.reactions).toEqual([
      { emoji: '👍', userIds: [ann.id, ben.id] },
      { emoji: '❤️', userIds: [ann.id] },
    ]);
    const fewer = (await way.react(ann, message._id, '👍', false)).message;
    expect(fewer?.reactions).toEqual([
      { emoji: '👍', userIds: [ben.id] },
      { emoji: '❤️', userIds: [ann.id] },
    ]);
    await way.react(ben, message._id, '👍', false);
    const none = (await way.react(ann, message._id, '❤️', false)).message;
    expect(none).not.toHaveProperty('reactions');
    // One that was taken back already is no fault.
    expect((await way.react(ann, message._id, '❤️', false)).message).toEqual(none);
    expect(await history(chat, ben, ann)).toEqual([none]);
  });

  it('is refused to others, and changes nothing', async () => {
    const { chat, ann, ben, message } = await scene();
    const [eve] = await target.people('Eve');
    const refusals = [
      await way.edit(ben, message._id, 'mine'),
      await way.edit(eve, message._id, 'mine'),
      await way.remove(eve, message._id),
      await way.react(eve, message._id, '👍'),
      await way.edit(ann, NOBODY, 'hello'),
      await way.remove(ann, NOBODY),
    ];
    expect(statuses(refusals)).toEqual([403, 404, 404, 404, 404, 404]);
    expect(refusals[0]?.problem?.code).toBe('forbidden');
    expect(await history(chat, ann, ben)).toEqual([message]);
  });

  it('refuses bad input by name, and changes nothing', async () => {
    const { chat, ann, ben, message } = await scene();
    const refusals = [
      await way.edit(ann, message._id, '   '),
      await way.edit(ann, message._id, 'x'.repeat(limits.textLength + 1)),
      await way.edit(ann, 'not-an-id', 'hello'),
      await way.remove(ann, 'not-an-id'),
    ];
    for (const emoji of ['a', '1', '👍👍', '👍!', ' ', '\uFE0F', '🇩', 'x'.repeat(100)]) {
      refusals.push(await way.react(ann, message._id, emoji));
    }
    expect(statuses(refusals)).toEqual(refusals.map(() => 400));
    expect(refusals[0]?.problem?.errors?.[0]?.path).toMatch(/text$/);
    expect(refusals.at(-1)?.problem?.detail).toMatch(/exactly one emoji/);
    expect(await history(chat, ann, ben)).toEqual([message]);
  });

  it('takes emoji of several code points, and so many different ones', async () => {
    const { ann, message } = await scene();
    const many = ['👩‍👩‍👧‍👦', '🏳️‍🌈', '🇩🇪', '👋🏽', '1️⃣', ...'😀😁😂🤣😃😄😅😆😉😊😋😎😍😘🥰'];
    expect(many).toHaveLength(limits.reactionsPerMessage);
    for (const emoji of many) expect((await way.react(ann, message._id, emoji)).status).toBe(200);
    const { status, problem } = await way.react(ann, message._id, '🤔');
    expect(status).toBe(409);
    expect(problem?.code).toBe('too_many_reactions');
  });
});

describe.each(['direct', 'group'] as const)('a reply in a %s conversation', (kind: Kind) => {
  it('names what it answers, whatever becomes of that', async () => {
    const chat = await target.conversation(kind);
    const { ann, ben } = chat;
    const first = await post(chat, ann, ben, { text: 'How are you?' });
    const reply = await post(chat, ben, ann, { text: 'Fine', replyTo: first._id });
    expect(reply.replyTo).toEqual({ _id: first._id, seq: 1, senderId: ann.id });
    const socket = await target.open(ann);
    const payload = { ...chat.to(ben), text: 'Good', clientId: uniqueName('client') };
    const again = await emit(socket, 'sendMessage', { ...payload, replyTo: reply._id });
    expect(again).toMatchObject({ ok: true, message: { replyTo: { _id: reply._id, seq: 2 } } });
    await http(ann, 'DELETE', `/api/messages/${first._id}`);
    const late = await post(chat, ben, ann, { text: 'Gone?', replyTo: first._id });
    expect(late.replyTo?._id).toBe(first._id);
    const kept = await history(chat, ann, ben);
    expect(kept.map(({ replyTo }) => replyTo?.seq)).toEqual([undefined, 1, 2, 1]);
    // The same clientId with another reference is another message.
    const reused = await emit(socket, 'sendMessage', { ...payload, replyTo: first._id });
    expect(reused).toMatchObject({ ok: false, error: { code: 'client_id_reused' } });
  });

  it('is refused when that is not in the conversation', async () => {
    const [chat, other] = [await target.conversation(kind), await target.conversation(kind)];
    const foreign = await post(other, other.ann, other.ben, { text: 'elsewhere' });
    for (const [replyTo, status] of [
      [foreign._id, 404],
      [NOBODY, 404],
      ['x', 400],
    ] as const) {
      const body = { text: 'hello', replyTo };
      const answer = await target.call('POST', chat.sendPath(chat.ben), { as: chat.ann, body });
      expect(answer.status).toBe(status);
    }
    expect(await history(chat, chat.ann, chat.ben)).toEqual([]);
  });
});

describe('changed messages', () => {
  it('are deleted by admins of the group, whoever wrote them, and edited by their authors only', async () => {
    const [ann, ben, eve] = await target.people('Ann', 'Ben', 'Eve');
    const { _id: groupId } = await target.group([ann, ben, eve]);
    const path = `/api/groups/${groupId}/messages`;
    const [of, own] = await Promise.all(
      [ben, ann].map((as) => target.call<Message>('POST', path, { as, body: { text: 'hello' } })),
    );
    const id = of?.body._id ?? '';
    const answers = [
      await ways.HTTP?.remove(eve, id),
      await ways.HTTP?.edit(ann, id, 'censored'),
      await ways.HTTP?.remove(ben, own?.body._id ?? ''),
      await ways.HTTP?.remove(ann, id),
    ];
    expect(answers.map((answer) => answer?.status)).toEqual([403, 403, 403, 200]);
    expect(answers[3]?.message).toMatchObject({ text: '', senderId: ben.id });
  });

  it('say nothing to who joined a group later that hides what was before', async () => {
    const [ann, ben] = await target.people('Ann', 'Ben');
    const { _id: groupId } = await target.group([ann], { history: 'sinceJoin' });
    const path = `/api/groups/${groupId}/messages`;
    const body = { text: 'before' };
    const { body: before } = await target.call<Message>('POST', path, { as: ann, body });
    await target.call('POST', `/api/groups/${groupId}/members`, {
      as: ann,
      body: { memberIds: [ben.id] },
    });
    const ears = await target.open(ben);
    const heard = listen(ears, 'messageUpdated');
    await ways.HTTP?.edit(ann, before._id, 'still before');
    const after = await target.call<Message>('POST', path, { as: ann, body: { text: 'after' } });
    await ways.HTTP?.edit(ann, after.body._id, 'now');
    await heard.until(({ text }) => text === 'now');
    expect(heard.heard).toHaveLength(1);
    const refusals = [
      await ways.HTTP?.react(ben, before._id, '👍'),
      await ways.HTTP?.remove(ben, before._id),
    ];
    expect(refusals.map((answer) => answer?.status)).toEqual([404, 404]);
    const reply = { text: 'what?', replyTo: before._id };
    expect((await target.call('POST', path, { as: ben, body: reply })).status).toBe(404);
  });

  it('take their picture along when they are deleted, and lose only its words when edited', async () => {
    const chat = await target.conversation('direct');
    const { ann, ben } = chat;
    const message = await post(chat, ann, ben, { text: 'look', image: PNG });
    const wordless = await ways.HTTP?.edit(ann, message._id, '');
    expect(wordless).toMatchObject({ status: 200, message: { text: '', image: message.image } });
    const image = message.image ?? '';
    expect((await target.call('GET', image, { as: ben })).status).toBe(200);
    const deleted = await ways.HTTP?.remove(ann, message._id);
    expect(deleted?.message).not.toHaveProperty('image');
    expect(deleted?.message).not.toHaveProperty('attachments');
    expect((await target.call('GET', image, { as: ben })).status).toBe(404);
  });

  it('stand in the list of people as they are', async () => {
    const chat = await target.conversation('direct');
    const { ann, ben } = chat;
    const message = await post(chat, ann, ben, { text: 'helo' });
    const lastOf = async () => {
      const { body } = await target.call<Contact[]>('GET', '/api/messages/users', { as: ben });
      return body.find(({ _id }) => _id === ann.id);
    };
    expect((await lastOf())?.lastMessage?.text).toBe('helo');
    const edited = (await ways.HTTP?.edit(ann, message._id, 'hello'))?.message;
    expect(await lastOf()).toMatchObject({ lastMessage: edited, rev: 1, unreadCount: 1 });
  });

  it('are brought by sync, each as it is now', async () => {
    const chat = await target.conversation('group');
    const { ann, ben } = chat;
    const sent: Message[] = [];
    for (const text of ['a', 'b', 'c']) sent.push(await post(chat, ann, ben, { text }));
    const [a, b, c] = sent as [Message, Message, Message];
    const edited = (await ways.HTTP?.edit(ann, b._id, 'B'))?.message;
    await ways.HTTP?.react(ben, a._id, '👍');
    const deleted = (await ways.HTTP?.remove(ann, a._id))?.message;
    const brought = await changesSince(ben, chat.id, c, 0);
    expect(brought?.messages).toEqual([deleted, edited]);
    expect(brought?.upTo).toEqual({ seq: 3, rev: 3, lastId: c._id });
    expect((await changesSince(ben, chat.id, c, 2))?.messages).toEqual([deleted]);
    expect(await changesSince(ben, chat.id, c, 3)).toBeUndefined();
  });
});

describe('the page around a message', () => {
  it('has it in its middle, and leads on to both sides', async () => {
    const chat = await target.conversation('direct');
    const { ann, ben } = chat;
    for (let text = 1; text <= 9; text++) await post(chat, ann, ben, { text: `${text}` });
    const page = async (query: string) => {
      const path = `${chat.historyPath(ben)}?${query}`;
      const { body, headers } = await target.call<Message[]>('GET', path, { as: ann });
      return { seqs: body.map(({ seq }) => seq), link: headers.get('link') ?? '' };
    };
    const middle = await page('around=5&limit=3');
    expect(middle.seqs).toEqual([4, 5, 6]);
    expect(middle.link).toMatch(/before=4.*rel="next".*after=6.*rel="prev"/);
    expect((await page('around=5&limit=4')).seqs).toEqual([3, 4, 5, 6]);
    expect((await page('around=5&limit=1')).seqs).toEqual([5]);
    const first = await page('around=1&limit=3');
    expect(first.seqs).toEqual([1, 2]);
    expect(first.link).not.toMatch(/rel="next"/);
    const last = await page('around=9&limit=4');
    expect(last.seqs).toEqual([7, 8, 9]);
    expect(last.link).not.toMatch(/rel="prev"/);
    const both = await target.call('GET', `${chat.historyPath(ben)}?around=1&after=2`, { as: ann });
    expect(both.status).toBe(400);
  });
});
