import { describe, expect, it } from 'vitest';
import type { Message } from '../../src/protocol/types.ts';
import { type ClientSocket, listen, type Person, send } from '../support/client.ts';
import { type Conversation, cookiesOf, type Kind, testTarget } from './target.ts';

const target = testTarget();

type Ear = ReturnType<typeof listen<'newMessage'>>;
const ears = ['own', 'ownSecond', 'ownOlder', 'other', 'otherOlder'] as const;
type EarName = (typeof ears)[number];

/** A conversation with sockets of both, of this protocol and older, all of them listening. */
async function audience(kind: Kind) {
  const chat = await target.conversation(kind);
  const { ann, ben } = chat;
  const [own, ownSecond, ownOlder, other, otherOlder] = await Promise.all([
    target.open(ann),
    target.open(ann),
    target.open(ann, { legacy: true }),
    target.open(ben),
    target.open(ben, { legacy: true }),
  ]);
  const sockets = { own, ownSecond, ownOlder, other, otherOlder };
  // Both events carry a Message.
  const event = chat.event as 'newMessage';
  const heard = Object.fromEntries(
    ears.map((name) => [name, listen(sockets[name], event)]),
  ) as Record<EarName, Ear>;
  return { chat, sockets, heard };
}

type Audience = Awaited<ReturnType<typeof audience>>;

/**
 * Sends a message that everybody hears but its own sender's socket: when they all have, nobody
 * can hear an earlier one any more.
 */
async function sayTheLast({ chat, heard }: Audience): Promise<void> {
  const fresh = await target.open(chat.ben);
  const last = await send(fresh, chat.to(chat.ann), 'the last one');
  await Promise.all(ears.map((name) => heard[name].until(({ _id }) => _id === last._id)));
}

async function hearersOf(all: Audience, message: Message): Promise<EarName[]> {
  await sayTheLast(all);
  const { heard } = all;
  return ears.filter((name) => {
    const copies = heard[name].heard.filter(({ _id }) => _id === message._id);
    for (const copy of copies) expect(copy).toEqual(message);
    expect(copies.length).toBeLessThanOrEqual(1);
    return copies.length === 1;
  });
}

async function post(chat: Conversation, as: Person, to: Person, socketId?: string) {
  const headers = socketId === undefined ? {} : { 'x-socket-id': socketId };
  const body = { text: 'hello', image: null };
  const answer = await target.call<Message>('POST', chat.sendPath(to), { as, body, headers });
  expect(answer.status).toBe(201);
  return answer.body;
}

describe.each(['direct', 'group'] as const)('a %s message', (kind) => {
  it('from a socket is heard by all sockets of both but that one', async () => {
    const all = await audience(kind);
    const message = await send(all.sockets.own, all.chat.to(all.chat.ben), 'hello');
    const others = ['ownSecond', 'ownOlder', 'other', 'otherOlder'];
    expect(await hearersOf(all, message)).toEqual(others);
  });

  it('over HTTP is not heard by older clients of its sender, who append the answer', async () => {
    const all = await audience(kind);
    const message = await post(all.chat, all.chat.ann, all.chat.ben);
    expect(await hearersOf(all, message)).toEqual(['own', 'ownSecond', 'other', 'otherOlder']);
  });

  it('over HTTP is not heard by the socket named in X-Socket-Id', async () => {
    const all = await audience(kind);
    const message = await post(all.chat, all.chat.ann, all.chat.ben, all.sockets.own.id);
    expect(await hearersOf(all, message)).toEqual(['ownSecond', 'other', 'otherOlder']);
  });

  it('cannot be kept from others by a room named in X-Socket-Id', async () => {
    const all = await audience(kind);
    const room = kind === 'direct' ? `user:${all.chat.ben.id}` : `group:${all.chat.id}`;
    const message = await post(all.chat, all.chat.ann, all.chat.ben, room);
    expect(await hearersOf(all, message)).toEqual(['own', 'ownSecond', 'other', 'otherOlder']);
  });

  it('cannot be kept from the other by the id of their socket', async () => {
    const all = await audience(kind);
    const message = await post(all.chat, all.chat.ann, all.chat.ben, all.sockets.other.id);
    expect(await hearersOf(all, message)).toEqual(['own', 'ownSecond', 'other', 'otherOlder']);
  });

  it('that is sent again is not heard twice by older clients', async () => {
    const all = await audience(kind);
    const message = await send(all.sockets.own, all.chat.to(all.chat.ben), 'hello');
    const again = await send(all.sockets.own, all.chat.to(all.chat.ben), 'hello', message.clientId);
    expect(again).toEqual(message);
    await sayTheLast(all);
    // Clients of this protocol deduplicate, and may hear it again.
    for (const { heard } of [all.heard.ownOlder, all.heard.otherOlder]) {
      expect(heard.filter(({ _id }) => _id === message._id)).toEqual([message]);
    }
  });

  it('is not heard by anybody else', async () => {
    const all = await audience(kind);
    const [eve] = await target.people('Eve');
    const sockets = [
      await target.open(eve),
      await target.open(eve, { legacy: true }),
      // `query.userId` proves nothing.
      await target.open({ ...eve, id: all.chat.ben.id }, { legacy: true }),
    ];
    const heard = sockets.flatMap((socket) => [
      listen(socket, 'newMessage').heard,
      listen(socket, 'newGroupMessage').heard,
    ]);
    await hearersOf(all, await post(all.chat, all.chat.ann, all.chat.ben));
    expect(heard).toEqual(heard.map(() => []));
  });

  it('is heard in the order in which one socket sent it', async () => {
    const { chat, sockets, heard } = await audience(kind);
    const sent = await Promise.all(
      Array.from({ length: 30 }, (_, index) => send(sockets.own, chat.to(chat.ben), `${index}`)),
    );
    expect(sent.map(({ seq }) => seq)).toEqual(sent.map((_, index) => index + 1));
    await heard.otherOlder.until(({ seq }) => seq === 30);
    expect(heard.otherOlder.heard).toEqual(sent);
  });
});

describe('long polling', () => {
  it('hears what WebSockets hear, with the cookies of a browser', async () => {
    const chat = await target.conversation('direct');
    const cookie = [...(await cookiesOf(chat.ben, target)).values()].join('; ');
    const socket: ClientSocket = await target.open(
      { ...chat.ben, cookie },
      { transports: ['polling'], legacy: true },
    );
    const heard = listen(socket, 'newMessage');
    const message = await post(chat, chat.ann, chat.ben);
    expect(await heard.until()).toEqual(message);
  });
});
