/** 50 messages a minute of one user, over HTTP and sockets together. */
import { describe, expect, it } from 'vitest';
import type { Message } from '../../src/protocol/types.ts';
import { type ClientSocket, call, emit, type Person } from '../support/client.ts';
import { uniqueName } from '../support/server.ts';
import {
  countsOf,
  modes,
  newPerson,
  type Refusal,
  repeat,
  retryAfterOf,
  structured,
  useInstances,
} from './instances.ts';

describe.each(modes)('%s', (mode) => {
  const { first, last, open } = useInstances(mode);

  const post = (url: string, as: Person, to: Person, text = 'Hello') =>
    call<Refusal>(url, 'POST', `/api/messages/send/${to.id}`, { as, body: { text } });
  async function say(socket: ClientSocket, to: Person, text = 'Hello') {
    const payload = { to: to.id, text, clientId: uniqueName('client') };
    const answer = await emit(socket, 'sendMessage', payload);
    return { status: answer.ok ? 201 : answer.error.status, answer };
  }
  const people = async () => [await newPerson(first()), await newPerson(first())] as const;
  const stored = async (ann: Person, ben: Person): Promise<string[]> => {
    const path = `/api/messages/${ben.id}?limit=100`;
    const { body } = await call<Message[]>(first(), 'GET', path, { as: ann });
    return body.map(({ text }) => text);
  };

  it('over HTTP and sockets, here and there, one after the other: exactly 50', async () => {
    const [ann, ben] = await people();
    const here = await open(first(), ann);
    const there = await open(last(), ann);
    const ways = [
      () => say(here, ben),
      () => post(last(), ann, ben),
      () => say(there, ben),
      () => post(first(), ann, ben),
    ];
    const { counts } = await repeat(56, (index) =>
      (ways[index % ways.length] as () => Promise<{ status: number }>)(),
    );
    expect(counts).toEqual({ 201: 50, 429: 6 });
    expect(await stored(ann, ben)).toHaveLength(50);
    const overHttp = await post(last(), ann, ben);
    expect(retryAfterOf(overHttp)).toBeLessThanOrEqual(60);
    expect(overHttp.body.detail).toMatch(/^You are sending messages too fast\./);
    expect(structured(overHttp.headers, 'ratelimit')).toMatchObject({ messages: { r: '0' } });
    expect(structured(overHttp.headers, 'ratelimit-policy').messages).toMatchObject({
      q: '50',
      w: '60',
    });
    const { answer } = await say(there, ben);
    expect(answer).toMatchObject({
      ok: false,
      error: { status: 429, code: 'rate_limited', retryAfter: expect.any(Number) },
    });
    // Everything else goes on: others may write, and one may read.
    expect((await post(first(), ben, ann)).status).toBe(201);
    expect((await call(first(), 'GET', `/api/messages/${ben.id}`, { as: ann })).status).toBe(200);
  });

  it('all at once, here and there: exactly 50', async () => {
    const [ann, ben] = await people();
    const [here, there] = [await open(first(), ann), await open(last(), ann)];
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => [
        say(here, ben),
        say(there, ben),
        post(first(), ann, ben),
        post(last(), ann, ben),
      ]).flat(),
    );
    expect(countsOf(answers)).toEqual({ 201: 50, 429: 30 });
    expect(await stored(ann, ben)).toHaveLength(50);
  });

  it('an instance that heard nothing of the user lets at most one more through', async () => {
    const [ann, ben] = await people();
    const there = await open(last(), ann);
    // It knows of one message, and of none that followed.
    expect((await say(there, ben)).status).toBe(201);
    expect((await repeat(50, () => post(first(), ann, ben))).counts).toEqual({ 201: 49, 429: 1 });
    const more = await Promise.all(Array.from({ length: 10 }, () => say(there, ben)));
    expect(countsOf(more)[429]).toBeGreaterThanOrEqual(9);
    expect((await say(there, ben)).status).toBe(429);
  });

  it('a socket keeps the order in which it sent, whether or not a message waited to be counted', async () => {
    const [ann, ben] = await people();
    const socket = await open(first(), ann);
    const texts = Array.from({ length: 48 }, (_, index) => `Message ${index}`);
    await Promise.all(texts.map((text) => say(socket, ben, text)));
    expect(await stored(ann, ben)).toEqual(texts);
  });
});
