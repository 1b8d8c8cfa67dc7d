import { describe, expect, it } from 'vitest';
import { limits } from '../../src/protocol/limits.ts';
import type { Problem } from '../../src/protocol/problems.ts';
import type { Message } from '../../src/protocol/types.ts';
import { type ClientSocket, emit, type Person } from '../support/client.ts';
import { uniqueName } from '../support/names.ts';
import { type Conversation, directId, expectKeys, NOBODY, PNG, testTarget } from './target.ts';

const target = testTarget();

type Answer = { status: number; message?: Message; problem?: Problem };
type Send = (
  chat: Conversation,
  from: Person,
  to: Person,
  content: Record<string, unknown>,
) => Promise<Answer>;

const overHttp: Send = async (chat, from, to, content) => {
  const answer = await target.call('POST', chat.sendPath(to), { as: from, body: content });
  const { status, body } = answer as unknown as { status: number; body: Message & Problem };
  return status < 300 ? { status, message: body } : { status, problem: body };
};

/** Each person's socket is opened once, so that what they send keeps its order. */
const sockets = new Map<Person, Promise<ClientSocket>>();
const overSocket: Send = async (chat, from, to, content) => {
  const socket = sockets.get(from) ?? target.open(from);
  sockets.set(from, socket);
  const ack = await emit(await socket, 'sendMessage', { ...chat.to(to), ...content });
  return ack.ok
    ? { status: 201, message: ack.message }
    : { status: ack.error.status, problem: ack.error };
};

const clientId = (): string => uniqueName('client');

describe.each([
  { kind: 'direct', transport: 'HTTP' },
  { kind: 'direct', transport: 'a socket' },
  { kind: 'group', transport: 'HTTP' },
  { kind: 'group', transport: 'a socket' },
] as const)('a $kind message over $transport', ({ kind, transport }) => {
  const send = transport === 'HTTP' ? overHttp : overSocket;
  const history = async (chat: Conversation, as = chat.ben, other = chat.ann) =>
    (await target.call<Message[]>('GET', `${chat.historyPath(other)}?limit=100`, { as })).body;

  it('has the fields of a Message, and both find it in their history', async () => {
    const chat = await target.conversation(kind);
    const { ann, ben } = chat;
    const id = clientId();
    const { status, message } = await send(chat, ann, ben, { text: '  hello\n ', clientId: id });
    expect(status).toBe(201);
    expect(message).toEqual({
      _id: expect.stringMatching(/^[0-9a-f]{24}$/),
      conversationId: chat.id,
      seq: 1,
      senderId: ann.id,
      ...(kind === 'direct' ? { receiverId: ben.id } : { groupId: chat.id }),
      clientId: id,
      text: 'hello',
      rev: 0,
      createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/),
      updatedAt: message?.createdAt,
    });
    expect(await history(chat)).toEqual([message]);
    expect(await history(chat, ann, ben)).toEqual([message]);
  });

  it('is numbered without holes, also when both write at once', async () => {
    const chat = await target.conversation(kind);
    const { ann, ben } = chat;
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) => {
        const [from, to] = index % 2 === 0 ? [ann, ben] : [ben, ann];
        return send(chat, from, to, { text: `${index}`, clientId: clientId() });
      }),
    );
    const all = Array.from({ length: 20 }, (_, index) => index + 1);
    expect(answers.map(({ message }) => message?.seq ?? 0).sort((a, b) => a - b)).toEqual(all);
    expect((await history(chat)).map(({ seq }) => seq)).toEqual(all);
  });

  it('with the same clientId again is the first one', async () => {
    const chat = await target.conversation(kind);
    const content = { text: 'once', clientId: clientId() };
    const first = await send(chat, chat.ann, chat.ben, content);
    const again = await send(chat, chat.ann, chat.ben, content);
    expect(again.message).toEqual(first.message);
    // An acknowledgement has no status.
    if (transport === 'HTTP') expect([first.status, again.status]).toEqual([201, 200]);
    expect(await history(chat)).toEqual([first.message]);
  });

  it('is one message when it is sent ten times at once', async () => {
    const chat = await target.conversation(kind);
    const content = { text: 'once', clientId: clientId() };
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => send(chat, chat.ann, chat.ben, content)),
    );
    const [stored] = await history(chat);
    expect(await history(chat)).toHaveLength(1);
    for (const { message } of answers) expect(message).toEqual(stored);
    if (transport !== 'HTTP') return;
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
  });

  it('with the clientId of another content is refused', async () => {
    const chat = await target.conversation(kind);
    const content = { text: 'once', clientId: clientId() };
    await send(chat, chat.ann, chat.ben, content);
    const refused = await send(chat, chat.ann, chat.ben, { ...content, text: 'twice' });
    expect(refused).toMatchObject({ status: 409, problem: { code: 'client_id_reused' } });
    expect((await history(chat)).map(({ text }) => text)).toEqual(['once']);
  });

  it('shares its clientId with nobody else', async () => {
    const chat = await target.conversation(kind);
    const content = { text: 'mine', clientId: clientId() };
    await send(chat, chat.ann, chat.ben, content);
    const other = await send(chat, chat.ben, chat.ann, content);
    expect(other).toMatchObject({ status: 201, message: { seq: 2, senderId: chat.ben.id } });
  });

  it('has at most 4,000 characters, counted as people do', async () => {
    const chat = await target.conversation(kind);
    const text = '😀'.repeat(limits.textLength);
    const longest = await send(chat, chat.ann, chat.ben, { text, clientId: clientId() });
    expect(longest.message?.text).toBe(text);
    const tooLong = { text: `${text}!`, clientId: clientId() };
    const refused = await send(chat, chat.ann, chat.ben, tooLong);
    expect(refused).toMatchObject({ status: 400, problem: { errors: [{ path: 'text' }] } });
  });

  it('is refused by name of what is wrong, and not stored', async () => {
    const chat = await target.conversation(kind);
    for (const [content, path] of [
      [{ text: '' }, 'text'],
      [{ text: ' \n ' }, 'text'],
      [{}, 'text'],
      [{ text: 7 }, 'text'],
      [{ text: { $ne: '' } }, 'text'],
      [{ text: 'x', seq: 7 }, 'seq'],
      [{ text: 'x', senderId: NOBODY }, 'senderId'],
      [{ text: 'x', clientId: 'a'.repeat(limits.clientIdMinLength - 1) }, 'clientId'],
      [{ text: 'x', clientId: 'a'.repeat(limits.clientIdMaxLength + 1) }, 'clientId'],
    ] as const) {
      const refused = await send(chat, chat.ann, chat.ben, { clientId: clientId(), ...content });
      expect(refused, JSON.stringify(content)).toMatchObject({
        status: 400,
        problem: { code: 'invalid_input', errors: [{ path }] },
      });
    }
    expect(await history(chat)).toEqual([]);
  });

  it('reaches no conversation of others', async () => {
    const chat = await target.conversation(kind);
    const [eve] = await target.people('Eve');
    const nobody = { ...chat.ben, id: NOBODY };
    const content = { text: 'x', clientId: clientId() };
    const refused = await send(chat, eve, nobody, content);
    expect(refused).toMatchObject({ status: 404, problem: { code: 'not_found' } });
    expect(await history(chat)).toEqual([]);
  });
});

describe('a direct message', () => {
  it('to oneself is refused', async () => {
    const chat = await target.conversation('direct');
    const { ann } = chat;
    const content = { text: 'x', clientId: clientId() };
    expect(await overHttp(chat, ann, ann, content)).toMatchObject({ status: 400 });
    expect(await overSocket(chat, ann, ann, content)).toMatchObject({ status: 400 });
  });

  it('has a conversation whose id joins both ids, the smaller first', async () => {
    const chat = await target.conversation('direct');
    const { message } = await overHttp(chat, chat.ben, chat.ann, { text: 'hello' });
    expect(message?.conversationId).toBe(directId(chat.ann, chat.ben));
  });
});

describe('the older client', () => {
  it('sends image: null with every text, and gets a clientId from the server', async () => {
    const chat = await target.conversation('direct');
    const content = { text: 'hello', image: null };
    const first = await overHttp(chat, chat.ann, chat.ben, content);
    expect(first.status).toBe(201);
    expect(first.message?.clientId.length).toBeGreaterThanOrEqual(limits.clientIdMinLength);
    const second = await overHttp(chat, chat.ann, chat.ben, { ...content, clientId: '' });
    expect(second).toMatchObject({ status: 201, message: { seq: 2, text: 'hello' } });
    expectKeys(second.message ?? {}, Object.keys(first.message ?? {}));
  });

  it('sends an empty text with an image', async () => {
    const chat = await target.conversation('direct');
    const sent = await overHttp(chat, chat.ann, chat.ben, { text: '', image: PNG });
    expect(sent).toMatchObject({
      status: 201,
      message: { text: '', image: expect.stringMatching(/^\/api\//) },
    });
    const refused = await overHttp(chat, chat.ann, chat.ben, { text: null, image: null });
    expect(refused).toMatchObject({ status: 400, problem: { errors: [{ path: 'text' }] } });
  });
});
