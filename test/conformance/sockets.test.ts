import { describe, expect, it } from 'vitest';
import { limits } from '../../src/protocol/limits.ts';
import { problems } from '../../src/protocol/problems.ts';
import type { Message } from '../../src/protocol/types.ts';
import { type ClientSocket, emit, type Person } from '../support/client.ts';
import { uniqueName } from '../support/names.ts';
import { cookiesOf, NOBODY, testTarget, untilClosed } from './target.ts';

const target = testTarget();

describe('a handshake', () => {
  it.each(['websocket', 'polling'])('without a session is refused, over %s', async (transport) => {
    const [ann] = await target.people('Ann');
    const cookies = await cookiesOf(ann, target);
    cookies.delete('jwt');
    const stranger: Person = { ...ann, cookie: [...cookies.values()].join('; ') };
    const refused = target.open(stranger, { transports: [transport], legacy: true });
    await expect(refused).rejects.toMatchObject({
      message: expect.stringMatching(/\w/),
      data: { status: 401, code: 'unauthenticated', title: problems.unauthenticated.title },
    });
  });

  it('with a forged token is refused, in the same words', async () => {
    const [ann] = await target.people('Ann');
    const wordsOf = (opening: Promise<ClientSocket>): Promise<unknown> =>
      opening.then(
        () => 'opened',
        (error: Error) => error.message,
      );
    const words = await wordsOf(target.open(ann, { token: `${ann.token.slice(0, -4)}AAAA` }));
    expect(words).toBe(await wordsOf(target.open({ ...ann, cookie: '' })));
    expect(words).not.toBe('opened');
  });

  it('from a foreign page is refused, over WebSocket', async () => {
    const [ann] = await target.people('Ann');
    const origin = 'https://foreign.example';
    await expect(target.open(ann, { headers: { origin } })).rejects.toThrow();
    const own = await target.open(ann, { headers: { origin: new URL(target.url).origin } });
    expect(own.connected).toBe(true);
  });

  it('from a foreign page is refused, over polling', async () => {
    const [ann] = await target.people('Ann');
    const ask = async (origin: string): Promise<number> => {
      const headers = { cookie: ann.cookie, origin };
      const url = `${target.url}/socket.io/?EIO=4&transport=polling`;
      const response = await fetch(url, { headers });
      await response.text();
      return response.status;
    };
    expect(await ask('https://foreign.example')).toBe(403);
    expect(await ask('null')).toBe(403);
    expect(await ask(new URL(target.url).origin)).toBe(200);
  });
});

describe('an event', () => {
  /** Emits whatever the types forbid. */
  const raw = (socket: ClientSocket, ...args: unknown[]): Promise<unknown> =>
    new Promise((resolve) => {
      (socket as unknown as { emit(...all: unknown[]): void }).emit(...(args as []), resolve);
    });

  it.each([
    ['of an unknown name', ['noSuchEvent', {}], 'not_found'],
    ['of a name that every object has', ['toString', {}], 'not_found'],
    ['without a payload', ['watchPresence'], 'invalid_input'],
    ['with two payloads', ['watchPresence', { userIds: [] }, {}], 'invalid_input'],
    ['with null', ['sync', null], 'invalid_input'],
    ['with a text', ['sendMessage', 'hello'], 'invalid_input'],
    ['with an array', ['markRead', []], 'invalid_input'],
    ['with an unknown field', ['watchPresence', { userIds: [], all: true }], 'invalid_input'],
  ] as const)('%s is answered with a problem', async (_what, args, code) => {
    const [ann] = await target.people('Ann');
    const socket = await target.open(ann);
    const answer = (await raw(socket, ...args)) as { error: { detail: string } };
    const { detail } = answer.error;
    expect(answer).toMatchObject({
      ok: false,
      error: {
        code,
        ...problems[code],
        type: expect.any(String),
        requestId: expect.any(String),
        message: detail,
        error: detail,
      },
    });
    expect(detail).toMatch(/\w/);
    expect(await emit(socket, 'watchPresence', { userIds: [] })).toMatchObject({ ok: true });
  });

  it.each([
    ['nobody', {}],
    ['a person and a group', { to: NOBODY, groupId: NOBODY }],
    ['what is no id', { to: 'nonsense' }],
  ])('that sends to %s is refused', async (_what, recipient) => {
    const [ann] = await target.people('Ann');
    const payload = { ...recipient, text: 'x', clientId: uniqueName('client') };
    const ack = await emit(await target.open(ann), 'sendMessage', payload);
    expect(ack).toMatchObject({
      ok: false,
      error: { code: 'invalid_input', errors: [{ path: 'to' }] },
    });
  });

  it('without an acknowledgement does no harm', async () => {
    const [ann] = await target.people('Ann');
    const socket = await target.open(ann);
    const untyped = socket as unknown as { emit(...all: unknown[]): void };
    for (const args of [['sync'], ['noSuchEvent'], ['sendMessage', null], ['markRead', {}]]) {
      untyped.emit(...args);
    }
    expect(await emit(socket, 'watchPresence', { userIds: [] })).toMatchObject({ ok: true });
  });
});

describe('a packet', () => {
  it('of more than 64 KB ends the connection, and nothing is stored', async () => {
    const chat = await target.conversation('direct');
    const socket = await target.open(chat.ann);
    const text = 'a'.repeat(limits.socketPacketBytes);
    socket.emit(
      'sendMessage',
      { to: chat.ben.id, text, clientId: uniqueName('client') },
      () => undefined,
    );
    await untilClosed(socket);
    const path = chat.historyPath(chat.ann);
    expect((await target.call<Message[]>('GET', path, { as: chat.ben })).body).toEqual([]);
  });

  it('just below is read', async () => {
    const chat = await target.conversation('direct');
    const socket = await target.open(chat.ann);
    const text = 'a'.repeat(limits.socketPacketBytes - 500);
    const payload = { to: chat.ben.id, text, clientId: uniqueName('client') };
    // Refused for its text, so it was read.
    expect(await emit(socket, 'sendMessage', payload)).toMatchObject({
      ok: false,
      error: { code: 'invalid_input', errors: [{ path: 'text' }] },
    });
  });
});
