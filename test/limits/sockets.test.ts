/** What one connection may send, who may connect, and how often. */
import { describe, expect, it } from 'vitest';
import {
  type ClientSocket,
  type ConnectOptions,
  call,
  emit,
  eventually,
  type Person,
} from '../support/client.ts';
import {
  from,
  modes,
  newAddress,
  newPerson,
  type Refusal,
  repeat,
  useInstances,
} from './instances.ts';

describe.each(modes)('%s', (mode) => {
  const instances = useInstances(mode);
  const { url } = instances;
  const open = (person: Person, options: ConnectOptions = {}, to = url()) =>
    instances.open(to, person, options);
  const watch = async (socket: ClientSocket) => {
    const answer = await emit(socket, 'watchPresence', { userIds: [] });
    return { status: answer.ok ? 200 : answer.error.status, answer };
  };
  /** What `connect_error` carries; undefined: it connected. */
  async function refusalOf(person: Person, options: ConnectOptions, to?: string) {
    try {
      await open(person, options, to);
      return undefined;
    } catch (error) {
      return (error as Error & { data: Refusal & { status: number } }).data;
    }
  }

  it('60 events a minute on one connection, whatever they are', async () => {
    const ann = await newPerson(url());
    const socket = await open(ann);
    const other = await open(ann);
    // Unknown ones and wrong ones count, too.
    await repeat(10, async () => {
      const answer = await socket.timeout(5_000).emitWithAck('nonsense' as 'sync', { since: {} });
      return { status: answer.ok ? 200 : answer.error.status };
    });
    await repeat(10, async () => {
      const answer = await emit(socket, 'markRead', { wrong: true });
      return { status: answer.ok ? 200 : answer.error.status };
    });
    const { counts, last } = await repeat(43, () => watch(socket));
    expect(counts).toEqual({ 200: 40, 429: 3 });
    expect(last.answer).toMatchObject({
      ok: false,
      error: {
        code: 'rate_limited',
        title: 'Too many requests',
        detail: expect.stringMatching(/^This connection sends too much\. .* seconds\.$/),
        retryAfter: expect.any(Number),
      },
    });
    expect(socket.connected).toBe(true);
    expect((await watch(other)).status).toBe(200);
  });

  it('cuts who goes on all the same', async () => {
    const socket = await open(await newPerson(url()));
    const gone = new Promise((resolve) => socket.once('disconnect', resolve));
    for (let count = 0; count < 500; count++) socket.emit('sync', { since: {} }, () => undefined);
    expect(await gone).toBe('io server disconnect');
  });

  it('counts handshakes without a valid session by address, and looks no further then', async () => {
    const ann = await newPerson(url());
    const address = newAddress();
    const headers = from(address);
    await repeat(100, async () => {
      const refusal = await refusalOf(ann, { token: 'no token at all', headers });
      return { status: refusal?.status ?? 200 };
    });
    const refusal = await refusalOf(ann, { token: 'no token at all', headers });
    expect(refusal).toMatchObject({ status: 429, code: 'rate_limited' });
    expect(refusal?.retryAfter).toBeGreaterThan(0);
    // Together with requests.
    const request = await call(url(), 'GET', '/api/auth/check', { headers });
    expect(request.status).toBe(429);
    // Whoever is known there gets in.
    const to = url();
    await open(ann, {}, to);
    expect(await refusalOf(ann, { headers }, to)).toBeUndefined();
  });

  it('counts connections by user, together with requests', async () => {
    const ann = await newPerson(url());
    await repeat(198, () => call(url(), 'GET', '/api/auth/check', { as: ann }));
    expect(await refusalOf(ann, {})).toBeUndefined();
    expect(await refusalOf(ann, {})).toBeUndefined();
    expect(await refusalOf(ann, {})).toMatchObject({ status: 429, code: 'rate_limited' });
  });

  it('50 connections of one user at an instance, and a place is free when one closes', async () => {
    const ann = await newPerson(url());
    const to = instances.first();
    const mine: ClientSocket[] = [];
    for (let count = 0; count < 50; count++) mine.push(await open(ann, {}, to));
    const refusal = await refusalOf(ann, {}, to);
    expect(refusal).toMatchObject({ status: 429, code: 'too_many_connections' });
    expect(refusal?.retryAfter).toBeGreaterThan(0);
    mine[0]?.disconnect();
    await eventually(async () => expect(await refusalOf(ann, {}, to)).toBeUndefined());
  });
});
