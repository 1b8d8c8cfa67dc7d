import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Message } from '../../src/protocol/types.ts';
import { call, connect, emit, listen, type Person, signUp } from '../support/client.ts';
import { withDatabase } from '../support/database.ts';
import { startTestServer, type TestServer, uniqueName } from '../support/server.ts';

interface Answer {
  status: number;
  message: Message;
  errors: string[];
}
type Send = (from: Person, to: Person, content: Record<string, unknown>) => Promise<Answer>;

describe.each([
  { transport: 'HTTP', redis: true },
  { transport: 'sockets', redis: true },
  { transport: 'HTTP', redis: false },
  { transport: 'sockets', redis: false },
])('a message over $transport, Redis: $redis', ({ transport, redis }) => {
  let server: TestServer;
  const closers: (() => void)[] = [];

  beforeAll(async () => {
    server = await startTestServer(redis ? {} : { redisUrl: 'off' });
  });
  afterAll(async () => {
    for (const close of closers) close();
    await server.close();
  });

  const overHttp: Send = async (from, to, content) => {
    const { status, body } = await call<Message & { errors?: { path: string }[] }>(
      server.url,
      'POST',
      `/api/messages/send/${to.id}`,
      { as: from, body: content },
    );
    return { status, message: body, errors: body.errors?.map((error) => error.path) ?? [] };
  };

  const overSocket: Send = async (from, to, content) => {
    const socket = await connect(server.url, from);
    closers.push(() => socket.disconnect());
    const ack = await emit(socket, 'sendMessage', { to: to.id, ...content });
    return ack.ok
      ? { status: 201, message: ack.message, errors: [] }
      : {
          status: ack.error.status,
          message: {} as Message,
          errors: ack.error.errors?.map((error) => error.path) ?? [],
        };
  };

  const send: Send = (...args) => (transport === 'HTTP' ? overHttp : overSocket)(...args);
  const clientId = (): string => uniqueName('client');

  async function pair(): Promise<[Person, Person]> {
    return [await signUp(server.url, 'Ann'), await signUp(server.url, 'Ben')];
  }

  async function historyOf(reader: Person, other: Person): Promise<Message[]> {
    const path = `/api/messages/${other.id}?limit=100`;
    return (await call<Message[]>(server.url, 'GET', path, { as: reader })).body;
  }

  it('is stored and numbered, and both find it in their history', async () => {
    const [ann, ben] = await pair();
    const first = await send(ann, ben, { text: '  hello  ', clientId: clientId() });
    const second = await send(ben, ann, { text: 'hi', clientId: clientId() });
    expect(first).toMatchObject({
      status: 201,
      message: { seq: 1, text: 'hello', senderId: ann.id, receiverId: ben.id, rev: 0 },
    });
    expect(second.message.seq).toBe(2);
    const history = await historyOf(ann, ben);
    expect(history).toEqual([first.message, second.message]);
    expect(await historyOf(ben, ann)).toEqual(history);
  });

  it('is one message however often it is sent with the same clientId', async () => {
    const [ann, ben] = await pair();
    const content = { text: 'once', clientId: clientId() };
    const answers = await Promise.all(Array.from({ length: 50 }, () => send(ann, ben, content)));
    expect(new Set(answers.map((answer) => answer.message._id)).size).toBe(1);
    if (transport === 'HTTP') {
      expect(answers.filter((answer) => answer.status === 201)).toHaveLength(1);
    }
    expect(await historyOf(ann, ben)).toHaveLength(1);
    const other = await send(ann, ben, { ...content, text: 'something else' });
    expect(other).toMatchObject({ status: 409, errors: ['clientId'] });
    expect((await historyOf(ann, ben)).map((message) => message.text)).toEqual(['once']);
  });

  it.each([
    ['an empty text', { text: '   ' }, ['text']],
    ['4,001 characters', { text: 'a'.repeat(4_001) }, ['text']],
    ['an unknown field', { text: 'x', seq: 7 }, ['seq']],
    ['an operator for a text', { text: { $ne: '' } }, ['text']],
    ['a short clientId', { text: 'x', clientId: 'short' }, ['clientId']],
  ])('is refused with %s, and nothing is stored', async (_what, content, paths) => {
    const [ann, ben] = await pair();
    const answer = await send(ann, ben, { clientId: clientId(), ...content });
    expect(answer).toMatchObject({ status: 400, errors: paths });
    expect(await historyOf(ann, ben)).toEqual([]);
  });

  it('takes 4,000 characters of any kind', async () => {
    const [ann, ben] = await pair();
    const text = '😀'.repeat(4_000);
    const answer = await send(ann, ben, { text, clientId: clientId() });
    expect(answer.message.text).toBe(text);
  });

  it('to nobody or oneself is refused', async () => {
    const [ann] = await pair();
    const nobody = { ...ann, id: '0123456789abcdef01234567' };
    const content = { text: 'x', clientId: clientId() };
    expect((await send(ann, nobody, content)).status).toBe(404);
    expect((await send(ann, ann, content)).status).toBe(400);
    expect((await send(ann, { ...ann, id: 'nonsense' }, content)).status).toBe(400);
  });
});

describe('100 messages on one socket without waiting', () => {
  it('keep their order, and the other person hears all of them', async () => {
    const server = await startTestServer();
    const [ann, ben] = [await signUp(server.url), await signUp(server.url)];
    const [from, to] = [await connect(server.url, ann), await connect(server.url, ben)];
    const heard = listen(to, 'newMessage');
    const texts = Array.from({ length: 100 }, (_, index) => `message ${index}`);
    const acks = await Promise.all(
      texts.map((text) =>
        emit(from, 'sendMessage', { to: ben.id, text, clientId: uniqueName('client') }),
      ),
    );
    expect(acks.map((ack) => ack.ok && ack.message.seq)).toEqual(texts.map((_, i) => i + 1));
    await heard.until((message) => message.seq === 100);
    expect(heard.heard.map((message) => message.text)).toEqual(texts);
    from.disconnect();
    to.disconnect();
    await server.close();
  });
});

describe('history', () => {
  let server: TestServer;
  let ann: Person;
  let ben: Person;
  beforeAll(async () => {
    server = await startTestServer();
    [ann, ben] = [await signUp(server.url), await signUp(server.url)];
    const socket = await connect(server.url, ann);
    await Promise.all(
      Array.from({ length: 7 }, (_, index) =>
        emit(socket, 'sendMessage', {
          to: ben.id,
          text: `message ${index + 1}`,
          clientId: uniqueName('client'),
        }),
      ),
    );
    socket.disconnect();
  });
  afterAll(() => server.close());

  const page = async (query: string) => {
    const answer = await call<Message[]>(server.url, 'GET', `/api/messages/${ann.id}?${query}`, {
      as: ben,
    });
    const links = Object.fromEntries(
      [...(answer.headers.get('link') ?? '').matchAll(/<([^>]+)>; rel="(\w+)"/g)].map(
        ([, path, relation]) => [relation, path?.split('?')[1]],
      ),
    );
    return { seqs: answer.body.map((message) => message.seq), links, status: answer.status };
  };

  it('begins with the newest page and leads to older ones by "next"', async () => {
    const newest = await page('limit=3');
    expect(newest.seqs).toEqual([5, 6, 7]);
    expect(newest.links.prev).toBeUndefined();
    const older = await page(newest.links.next ?? '');
    expect(older.seqs).toEqual([2, 3, 4]);
    const oldest = await page(older.links.next ?? '');
    expect(oldest.seqs).toEqual([1]);
    expect(oldest.links.next).toBeUndefined();
    const back = await page(oldest.links.prev ?? '');
    expect(back.seqs).toEqual([2, 3, 4]);
  });

  it('refuses nonsense by name', async () => {
    for (const query of ['limit=0', 'limit=101', 'before=x', 'before=1&after=2', 'page=2']) {
      expect((await page(query).catch(() => ({ status: 400 }))).status, query).toBe(400);
    }
  });

  it('reads by an index', async () => {
    const database = new URL(server.config.mongodb.uri).pathname.slice(1);
    const plan = await withDatabase(database, (db) =>
      db
        .collection('messages')
        .find({ conversationId: [ann.id, ben.id].sort().join('-'), seq: { $gt: 0, $lt: 9 } })
        .sort({ seq: -1 })
        .limit(3)
        .explain('executionStats'),
    );
    expect(plan.executionStats).toMatchObject({ totalDocsExamined: 3 });
    expect(JSON.stringify(plan.queryPlanner.winningPlan)).not.toMatch(/COLLSCAN|"SORT"/);
  });
});

describe('images', () => {
  // A red dot: 1 × 1 pixel.
  const png =
    'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==';
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer();
  });
  afterAll(() => server.close());

  it('are stored, and served to the two people alone', async () => {
    const people = await Promise.all([1, 2, 3].map(() => signUp(server.url)));
    const [ann, ben, eve] = people as [Person, Person, Person];
    const path = `/api/messages/send/${ben.id}`;
    const sent = await call<Message>(server.url, 'POST', path, {
      as: ann,
      body: { text: '', image: png },
    });
    expect(sent.status).toBe(201);
    expect(sent.body.attachments?.[0]).toMatchObject({ type: 'image/png', width: 1, height: 1 });
    const url = sent.body.image ?? '';
    const seen = await fetch(server.url + url, { headers: { cookie: ben.cookie } });
    expect([seen.status, seen.headers.get('content-type')]).toEqual([200, 'image/png']);
    expect((await seen.arrayBuffer()).byteLength).toBe(sent.body.attachments?.[0]?.size);
    expect((await call(server.url, 'GET', url, { as: eve })).status).toBe(404);
    expect((await call(server.url, 'GET', url)).status).toBe(401);
  });

  it.each([
    ['a text called PNG', `data:image/png;base64,${btoa('<svg onload=alert(1)>')}`, 400],
    ['a damaged PNG', png.slice(0, 90), 400],
    ['another type', 'data:image/svg+xml;base64,PHN2Zz4=', 400],
    ['too many bytes', `data:image/png;base64,${'A'.repeat(7_000_000)}`, 400],
    ['a body beyond the limit', `data:image/png;base64,${'A'.repeat(9_000_000)}`, 413],
  ])('are refused: %s', async (_what, image, status) => {
    const [ann, ben] = [await signUp(server.url), await signUp(server.url)];
    const path = `/api/messages/send/${ben.id}`;
    const answer = await call(server.url, 'POST', path, { as: ann, body: { image } });
    expect(answer.status).toBe(status);
    const history = await call<Message[]>(server.url, 'GET', `/api/messages/${ben.id}`, {
      as: ann,
    });
    expect(history.body).toEqual([]);
  });
});

describe('an event', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer();
  });
  afterAll(() => server.close());

  it.each([
    ['of an unknown name', ['toString', {}], 404, 'toString'],
    ['without a payload', ['watchPresence'], 400, 'one payload'],
    ['with two payloads', ['watchPresence', { userIds: [] }, {}], 400, 'one payload'],
  ])('%s is answered', async (_, args, status, words) => {
    const socket = await connect(server.url, await signUp(server.url));
    const answer = await new Promise((resolve) => {
      (socket as unknown as { emit(...all: unknown[]): void }).emit(...args, resolve);
    });
    expect(answer).toMatchObject({ ok: false, error: { status } });
    expect(JSON.stringify(answer)).toContain(words);
    socket.disconnect();
  });

  it('tells everybody of a new person, and of a changed name', async () => {
    const socket = await connect(server.url, await signUp(server.url));
    const told = listen(socket, 'userUpdated');
    const cleo = await signUp(server.url, 'Cleo');
    await told.until(({ _id, fullName }) => _id === cleo.id && fullName === 'Cleo');
    const body = { fullName: 'Cleopatra' };
    await call(server.url, 'PUT', '/api/auth/update-profile', { as: cleo, body });
    const user = await told.until(({ fullName }) => fullName === 'Cleopatra');
    expect(user).not.toHaveProperty('email');
    socket.disconnect();
  });
});
