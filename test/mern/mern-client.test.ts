/**
 * The well-known MERN client, as far as a server can tell: cookie login over HTTP, bare arrays,
 * socket.io-client with `query.userId` and the cookie, `image: null` with every text.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Contact, Message, OwnUser } from '../../src/protocol/types.ts';
import {
  type ClientSocket,
  call,
  connect,
  listen,
  PASSWORD,
  type Person,
  personOf,
  signUp,
} from '../support/client.ts';
import { startTestServer, type TestServer, uniqueName } from '../support/server.ts';

const png =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==';

describe('the MERN client', () => {
  let server: TestServer;
  const sockets: ClientSocket[] = [];
  beforeAll(async () => {
    server = await startTestServer();
    // Who comes first is administrator, which that client knows nothing of.
    await signUp(server.url);
  });
  afterAll(async () => {
    for (const socket of sockets) socket.disconnect();
    await server.close();
  });

  async function open(person: Person, transports?: string[]): Promise<ClientSocket> {
    const socket = await connect(server.url, person, {
      legacy: true,
      ...(transports === undefined ? {} : { transports }),
    });
    sockets.push(socket);
    return socket;
  }

  it('signs up, checks, logs out and logs in again', async () => {
    const email = `${uniqueName('Person')}@Example.org`;
    const body = { fullName: 'Jane Doe', email, password: PASSWORD };
    const signedUp = await call<{ _id: string }>(server.url, 'POST', '/api/auth/signup', { body });
    expect(signedUp.status).toBe(201);
    expect(signedUp.body).toEqual({
      _id: expect.stringMatching(/^[0-9a-f]{24}$/),
      fullName: 'Jane Doe',
      email: email.toLowerCase(),
      profilePic: '',
    });
    const cookie = signedUp.headers.getSetCookie()[0];
    expect(cookie).toMatch(/^jwt=.+; Path=\/; Expires=.+; HttpOnly; SameSite=Strict$/);
    const jane = personOf(signedUp, { fullName: 'Jane Doe', email });
    const check = await call<OwnUser>(server.url, 'GET', '/api/auth/check', { as: jane });
    expect(check.body).toMatchObject({ ...signedUp.body, createdAt: expect.any(String) });
    const out = await call(server.url, 'POST', '/api/auth/logout', { as: jane });
    expect(out).toMatchObject({ status: 200, body: { message: expect.any(String) } });
    expect((await call(server.url, 'GET', '/api/auth/check', { as: jane })).status).toBe(401);
    const login = { email: email.toUpperCase(), password: PASSWORD };
    const again = await call(server.url, 'POST', '/api/auth/login', { body: login });
    expect(again).toMatchObject({ status: 200, body: signedUp.body });
  });

  it('reads why something was refused from `message` or from `error`', async () => {
    const jane = await signUp(server.url);
    const wrong = { email: jane.email, password: 'wrong password' };
    const unknown = { email: 'nobody@example.org', password: 'wrong password' };
    const [first, second] = await Promise.all(
      [wrong, unknown].map((body) => call(server.url, 'POST', '/api/auth/login', { body })),
    );
    expect(first).toMatchObject({ status: 401, body: { message: expect.any(String) } });
    expect(first?.body.message).toBe(first?.body.error);
    expect(second?.body.message).toBe(first?.body.message);
    const short = { fullName: 'A', email: 'a@example.org', password: 'short' };
    const refused = await call(server.url, 'POST', '/api/auth/signup', { body: short });
    expect(refused.status).toBe(400);
    expect(refused.headers.get('content-type')).toContain('application/problem+json');
    expect(refused.body.message).toMatch(/password.*8 characters/i);
    const taken = { fullName: 'B', email: jane.email, password: PASSWORD };
    expect((await call(server.url, 'POST', '/api/auth/signup', { body: taken })).status).toBe(409);
  });

  it('shows the others as Online and Offline', async () => {
    const [ann, ben] = [await signUp(server.url), await signUp(server.url)];
    const online = listen(await open(ann), 'getOnlineUsers');
    await online.until((ids) => ids.includes(ann.id));
    const socket = await open(ben, ['polling', 'websocket']);
    await online.until((ids) => ids.includes(ben.id));
    const heard = online.heard.length;
    socket.disconnect();
    await online.until((ids) => online.heard.indexOf(ids) >= heard && !ids.includes(ben.id));
  });

  it('hears newMessage only of what the other person sent', async () => {
    const [ann, ben] = [await signUp(server.url), await signUp(server.url)];
    const [toAnn, toBen] = [
      listen(await open(ann), 'newMessage'),
      listen(await open(ben), 'newMessage'),
    ];
    const send = async (from: Person, to: Person, body: Record<string, unknown>) =>
      (
        await call<Message>(server.url, 'POST', `/api/messages/send/${to.id}`, {
          as: from,
          body,
        })
      ).body;
    const text = await send(ann, ben, { text: 'hello', image: null });
    const image = await send(ann, ben, { text: '', image: png });
    const answer = await send(ben, ann, { text: 'thanks', image: null });
    expect(image).toMatchObject({ text: '', image: expect.stringMatching(/^\/api\//) });
    await toBen.until((message) => message._id === image._id);
    await toAnn.until((message) => message._id === answer._id);
    expect(toAnn.heard).toEqual([answer]);
    expect(toBen.heard).toEqual([text, image]);
    expect(text.senderId).toBe(ann.id);
    const history = await call<Message[]>(server.url, 'GET', `/api/messages/${ben.id}`, {
      as: ann,
    });
    expect(history.body).toEqual([text, image, answer]);
  });

  it('lists everybody else in the sidebar, the latest conversation first', async () => {
    const own = await startTestServer();
    const people: Person[] = [];
    for (const name of ['Ann', 'ben', 'Cleo', 'Dan']) people.push(await signUp(own.url, name));
    const [ann, ben, cleo, dan] = people as [Person, Person, Person, Person];
    const body = { text: 'hi', image: null };
    await call(own.url, 'POST', `/api/messages/send/${ann.id}`, { as: dan, body });
    await call(own.url, 'POST', `/api/messages/send/${ann.id}`, { as: cleo, body });
    const users = await call<Contact[]>(own.url, 'GET', '/api/messages/users', { as: ann });
    expect(users.body.map((user) => user.fullName)).toEqual(['Cleo', 'Dan', 'ben']);
    expect(users.body[0]).toMatchObject({ _id: cleo.id, profilePic: '', unreadCount: 1 });
    expect(users.body[0]?.lastMessage?.text).toBe('hi');
    expect(users.body[2]).toMatchObject({ _id: ben.id, unreadCount: 0, online: false });
    for (const user of users.body) {
      expect(user).not.toHaveProperty('email');
      expect(user).not.toHaveProperty('passwordHash');
    }
    await own.close();
  });

  it('changes the profile picture', async () => {
    const ann = await signUp(server.url);
    const update = await call<OwnUser>(server.url, 'PUT', '/api/auth/update-profile', {
      as: ann,
      body: { profilePic: png },
    });
    expect(update.status).toBe(200);
    const picture = await fetch(server.url + update.body.profilePic, {
      headers: { cookie: ann.cookie },
    });
    expect(picture.headers.get('content-type')).toBe('image/webp');
    expect(picture.headers.get('cache-control')).toBe('private, max-age=31536000, immutable');
  });
});
