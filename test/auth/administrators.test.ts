/** Who becomes administrator, and what that allows. */
import { afterEach, describe, expect, it } from 'vitest';
import type { Account, OperationsSnapshot, OwnUser } from '../../src/protocol/types.ts';
import { call, PASSWORD, type Person, personOf, type Response, signUp } from '../support/client.ts';
import { createDatabaseName, dropDatabase, withDatabase } from '../support/database.ts';
import {
  startTestCluster,
  startTestServer,
  type TestServer,
  uniqueName,
} from '../support/server.ts';

const open: { close(): Promise<void> }[] = [];
const databases: string[] = [];
afterEach(async () => {
  for (const server of open.splice(0).reverse()) await server.close();
  for (const database of databases.splice(0)) await dropDatabase(database);
});

async function start(options: Parameters<typeof startTestServer>[0] = {}): Promise<TestServer> {
  const server = await startTestServer(options);
  open.push(server);
  return server;
}

function sharedDatabase(): string {
  const database = createDatabaseName();
  databases.push(database);
  return database;
}

const isAdmin = async (url: string, person: Person): Promise<boolean> =>
  (await call<OwnUser>(url, 'GET', '/api/auth/check', { as: person })).body.admin === true;

const operations = (url: string, person?: Person) =>
  call<OperationsSnapshot>(url, 'GET', '/api/admin/operations', { as: person });

async function signUpAs(url: string, email: string): Promise<[Person, Response<Account>]> {
  const body = { fullName: 'Ann Example', email, password: PASSWORD };
  const response = await call<Account>(url, 'POST', '/api/auth/signup', { body });
  return [personOf(response, body), response];
}

/** E-mails of all administrators, read where no client can. */
const administratorsOf = (database: string): Promise<string[]> =>
  withDatabase(database, async (db) => {
    const found = await db.collection('users').find({ admin: true }).toArray();
    return found.map(({ email }) => String(email));
  });

describe('the administrator', () => {
  it('is the first account, and every answer of its own says so', async () => {
    const { url } = await start();
    const email = `${uniqueName('first')}@example.org`;
    const [first, signedUp] = await signUpAs(url, email);
    const second = await signUp(url);
    expect(signedUp.body.admin).toBe(true);
    expect(await isAdmin(url, first)).toBe(true);
    expect(await isAdmin(url, second)).toBe(false);
    const credentials = { email, password: PASSWORD };
    const login = await call<Account>(url, 'POST', '/api/auth/login', { body: credentials });
    expect(login.body).toEqual({
      _id: first.id,
      fullName: 'Ann Example',
      email,
      profilePic: '',
      admin: true,
    });
    const token = await call<{ user: OwnUser }>(url, 'POST', '/api/auth/token', {
      body: credentials,
    });
    expect(token.body.user.admin).toBe(true);
    const body = { fullName: 'Ann Other' };
    const renamed = await call(url, 'PUT', '/api/auth/update-profile', { as: first, body });
    expect(renamed.body.admin).toBe(true);
  });

  it('is not shown to others, and others get no such field', async () => {
    const { url } = await start();
    const first = await signUp(url);
    const second = await signUp(url);
    const seen = await call(url, 'GET', `/api/users/${first.id}`, { as: second });
    expect(seen.status).toBe(200);
    expect(Object.keys(seen.body)).not.toContain('admin');
    const own = await call(url, 'GET', '/api/auth/check', { as: second });
    expect(Object.keys(own.body)).not.toContain('admin');
  });

  it('is exactly one when two instances take the first sign-ups at once', async () => {
    for (let round = 0; round < 3; round++) {
      const cluster = await startTestCluster();
      try {
        const people = await Promise.all(
          [0, 1, 2, 3, 4, 5].map((index) => signUp((index % 2 === 0 ? cluster.a : cluster.b).url)),
        );
        const answers = await Promise.all(people.map((one) => isAdmin(cluster.a.url, one)));
        expect(answers.filter(Boolean)).toHaveLength(1);
        expect(await administratorsOf(cluster.database)).toHaveLength(1);
      } finally {
        await cluster.close();
      }
    }
  });

  it('is not lost when the first sign-up is refused', async () => {
    const { url } = await start();
    const refused = await call(url, 'POST', '/api/auth/signup', { body: { fullName: 'Ann' } });
    expect(refused.status).toBe(400);
    expect(await isAdmin(url, await signUp(url))).toBe(true);
  });

  it('is the oldest account of a deployment that had none', async () => {
    const database = sharedDatabase();
    const first = await start({ database });
    const [ann, ben] = [await signUp(first.url), await signUp(first.url)];
    await withDatabase(database, async (db) => {
      await db.collection('users').updateMany({}, { $unset: { admin: '' } });
      await db.collection<{ _id: string }>('deployment').deleteOne({ _id: 'administrator' });
    });
    const second = await start({ database });
    expect(await isAdmin(second.url, ann)).toBe(true);
    expect(await isAdmin(second.url, ben)).toBe(false);
    expect(await isAdmin(second.url, await signUp(second.url))).toBe(false);
  });

  it('is whoever signs up with ADMIN_EMAIL, and not the first', async () => {
    const email = `${uniqueName('Boss')}@Example.org`;
    const { url } = await start({ env: { ADMIN_EMAIL: email } });
    const first = await signUp(url);
    const [boss] = await signUpAs(url, email);
    expect(await isAdmin(url, first)).toBe(false);
    expect(await isAdmin(url, boss)).toBe(true);
  });

  it('is also whose account has ADMIN_EMAIL already; and stays when the setting goes', async () => {
    const database = sharedDatabase();
    const first = await start({ database });
    const [ann, ben] = [await signUp(first.url), await signUp(first.url)];
    const second = await start({ database, env: { ADMIN_EMAIL: ben.email } });
    expect(await isAdmin(second.url, ben)).toBe(true);
    const third = await start({ database });
    expect(await administratorsOf(database)).toEqual([ann.email, ben.email]);
    expect(await isAdmin(third.url, await signUp(third.url))).toBe(false);
  });

  it('costs a sign-up no query once there is one', async () => {
    const database = sharedDatabase();
    const { url } = await start({ database });
    await signUp(url);
    await withDatabase(database, async (db) => {
      await db.command({ profile: 2 });
      await signUp(url);
      await db.command({ profile: 0 });
      const asked = await db.collection('system.profile').countDocuments({ ns: /\.deployment$/ });
      expect(asked).toBe(0);
      const inserted = { ns: /\.users$/, op: 'update' };
      expect(await db.collection('system.profile').countDocuments(inserted)).toBe(1);
    });
  });
});

describe('what is for administrators', () => {
  it('is refused to strangers and to everybody else', async () => {
    const { url } = await start();
    const [admin, other] = [await signUp(url), await signUp(url)];
    expect((await operations(url)).status).toBe(401);
    const refused = await operations(url, other);
    expect(refused.status).toBe(403);
    expect(refused.body).toMatchObject({ code: 'forbidden' });
    expect((await operations(url, admin)).status).toBe(200);
  });

  it('is refused at once to who is no administrator any more', async () => {
    const database = sharedDatabase();
    const { url } = await start({ database });
    const admin = await signUp(url);
    expect((await operations(url, admin)).status).toBe(200);
    await withDatabase(database, (db) =>
      db.collection('users').updateOne({ email: admin.email }, { $unset: { admin: '' } }),
    );
    expect((await operations(url, admin)).status).toBe(403);
  });
});
