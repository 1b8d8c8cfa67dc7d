import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { mongo } from 'mongoose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config.ts';
import type {
  ConversationRecord,
  MembershipRecord,
} from '../../src/features/conversations/conversations.store.ts';
import type { MessageRecord } from '../../src/features/messages/messages.store.ts';
import { lockDataDir } from '../../src/infra/embedded/lock.ts';
import { openServers } from '../../src/infra/embedded/servers.ts';
import type { Contact, Group, Message, OwnUser, SyncResult } from '../../src/protocol/types.ts';
import { call, type Person, signUp } from '../support/client.ts';
import { createDatabaseName, dropDatabase, withDatabase } from '../support/database.ts';
import { databaseUri, runProgram } from '../support/program.ts';
import { startTestServer } from '../support/server.ts';

const SECRET = 'a secret of the tests that is long enough';
const SMALL = ['--users', '30', '--groups', '3', '--messages', '2000', '--seed', '11'];
type Counts = Record<'users' | 'groups' | 'conversations' | 'memberships' | 'messages', number>;
type Summary = Counts & { action: string; password: string };

let folder: string;
let databases: string[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parley-seed-'));
  databases = [];
});
afterEach(async () => {
  for (const database of databases) await dropDatabase(database);
  await rm(folder, { recursive: true, force: true });
});

function newDatabase(): string {
  const database = createDatabaseName();
  databases.push(database);
  return database;
}

const tokensFile = (): string => join(folder, 'tokens.csv');
const environment = (database: string) => ({
  MONGODB_URI: databaseUri(database),
  JWT_SECRET: SECRET,
  DATA_DIR: folder,
  BCRYPT_COST: '4',
});

async function seed(database: string, ...args: string[]): Promise<Summary> {
  const given = [...args, '--tokens', tokensFile(), '--json'];
  const { code, stdout, stderr } = await runProgram('seed/main.ts', given, environment(database));
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout) as Summary;
}

/** Everybody of the tokens file. */
async function seededPeople(): Promise<(Person & Record<string, string>)[]> {
  const [header = '', ...lines] = (await readFile(tokensFile(), 'utf8')).trimEnd().split('\n');
  expect(header).toBe('userId,email,password,token,partnerId,groupId');
  return lines.map((line) => {
    const [id = '', email = '', password = '', token = '', partnerId = '', groupId = ''] =
      line.split(',');
    return { id, email, password, token, partnerId, groupId, fullName: '', cookie: `jwt=${token}` };
  });
}

/** Of every collection, but the sessions, which last from now on. */
const contents = (database: string): Promise<Record<string, string>> =>
  withDatabase(database, async (db) => {
    const hashes: Record<string, string> = {};
    for (const name of ['users', 'groups', 'conversations', 'memberships', 'messages']) {
      const documents = await db.collection(name).find().sort({ _id: 1 }).toArray();
      expect(documents.length, name).toBeGreaterThan(0);
      hashes[name] = createHash('sha256').update(JSON.stringify(documents)).digest('hex');
    }
    return hashes;
  });

/** What the server derives from messages, derived anew and compared. */
async function expectConsistent(db: mongo.Db, counts: Counts): Promise<void> {
  const conversations = await db.collection<ConversationRecord>('conversations').find().toArray();
  const memberships = await db.collection<MembershipRecord>('memberships').find().toArray();
  const messages = await db.collection<MessageRecord>('messages').find().sort({ _id: 1 }).toArray();
  expect(messages).toHaveLength(counts.messages);
  const byConversation = new Map<string, MessageRecord[]>();
  for (const message of messages) {
    const own = byConversation.get(message.conversationId);
    if (own === undefined) byConversation.set(message.conversationId, [message]);
    else own.push(message);
  }
  for (const { _id, kind, last, sent, headAt } of conversations) {
    const own = byConversation.get(_id) ?? [];
    byConversation.delete(_id);
    // In the order of ids and of time, from 1 and without holes.
    expect(own.map(({ seq }) => seq)).toEqual(own.map((_, index) => index + 1));
    const times = own.map(({ createdAt }) => createdAt.getTime());
    expect(times).toEqual([...times].sort((a, b) => a - b));
    const newest = own.at(-1);
    if (newest === undefined) expect(last).toEqual({ seq: 0, id: '' });
    else expect(last).toEqual({ seq: newest.seq, id: newest._id, at: newest.createdAt });
    expect(headAt).toEqual(newest?.createdAt ?? null);
    expect(sent).toEqual(Object.fromEntries(own.map(({ senderId, seq }) => [senderId, seq])));
    const members = memberships.filter(({ conversationId }) => conversationId === _id);
    expect(members.map(({ userId }) => userId)).toEqual(expect.arrayContaining(Object.keys(sent)));
    if (kind === 'direct')
      expect(
        members
          .map(({ userId }) => userId)
          .sort()
          .join('-'),
      ).toBe(_id);
    for (const { readSeq, readAt } of members) {
      expect(readSeq).toBeLessThanOrEqual(last.seq);
      expect(readAt !== undefined).toBe(readSeq > 0);
    }
  }
  expect([...byConversation.keys()]).toEqual([]);
}

// Several programs in a row, each of which compiles itself first.
const slow = { timeout: 60_000 };

describe('npm run seed', slow, () => {
  it('makes the same of the same seed, to the last id and time, and other data of another', async () => {
    const [a, b, c] = [newDatabase(), newDatabase(), newDatabase()];
    await seed(a, ...SMALL);
    await seed(b, ...SMALL);
    await seed(c, ...SMALL.slice(0, -1), '12');
    const first = await contents(a);
    expect(await contents(b)).toEqual(first);
    for (const [name, hash] of Object.entries(await contents(c))) {
      expect(hash, name).not.toBe(first[name]);
    }
  });

  it('makes heads, memberships and reading positions that agree with the messages', async () => {
    const database = newDatabase();
    const counts = await seed(database, ...SMALL);
    expect(counts).toMatchObject({ action: 'inserted', users: 30, groups: 3, messages: 2_000 });
    await withDatabase(database, (db) => expectConsistent(db, counts));
  });

  it('changes nothing when it runs again, and opens the sessions anew', async () => {
    const database = newDatabase();
    await seed(database, ...SMALL);
    const before = await contents(database);
    await withDatabase(database, (db) => db.collection('sessions').deleteMany({}));
    expect(await seed(database, ...SMALL)).toMatchObject({ action: 'unchanged', messages: 2_000 });
    expect(await contents(database)).toEqual(before);
    const sessions = await withDatabase(database, (db) =>
      db.collection('sessions').countDocuments(),
    );
    expect(sessions).toBe(30);
  });

  it('replaces its own data, and nobody else’s, when it is asked for other data', async () => {
    const database = newDatabase();
    const server = await startTestServer({ database });
    const ann = await signUp(server.url);
    await server.close();
    await seed(database, ...SMALL.slice(0, -1), '12');
    const other = await contents(database);
    await seed(database, ...SMALL);
    const counts = await seed(database, '--users', '20', '--messages', '500', '--seed', '11');
    expect(counts).toMatchObject({ action: 'replaced', users: 20, messages: 500 });
    const users = await withDatabase(database, (db) =>
      db.collection<{ _id: string }>('users').distinct('_id'),
    );
    expect(users).toHaveLength(1 + 30 + 20);
    expect(users).toContain(ann.id);
    await withDatabase(database, (db) =>
      expectConsistent(db, { ...counts, messages: 2_000 + 500 }),
    );
    // Without what the second seed made, all is as it was.
    await seed(database, '--users', '2', '--groups', '0', '--messages', '0', '--seed', '11');
    const left = await contents(database);
    for (const name of ['groups', 'conversations', 'memberships', 'messages']) {
      expect(left[name], name).toBe(other[name]);
    }
  });

  it('replaces what a run that was cut off left behind', async () => {
    const database = newDatabase();
    await seed(database, ...SMALL);
    const before = await contents(database);
    await withDatabase(database, async (db) => {
      await db
        .collection<{ _id: string }>('seeds')
        .updateOne({ _id: 'seed-11' }, { $set: { state: 'writing' } });
      await db.collection('conversations').deleteMany({});
      await db.collection('memberships').deleteMany({});
      await db.collection('messages').deleteMany({ seq: { $lt: 3 } });
    });
    expect(await seed(database, ...SMALL)).toMatchObject({ action: 'replaced' });
    expect(await contents(database)).toEqual(before);
  });

  it('leaves a database on which a server shows each person what is theirs', async () => {
    const database = newDatabase();
    await seed(database, ...SMALL);
    const people = await seededPeople();
    expect(people).toHaveLength(30);
    expect((await stat(tokensFile())).mode & 0o777).toBe(0o600);
    const ann = people.find(({ groupId, partnerId }) => groupId !== '' && partnerId !== '');
    if (ann === undefined) throw new Error('nobody has a group and a partner');
    const server = await startTestServer({ database });
    try {
      const get = async <T>(path: string): Promise<T> => {
        const { status, body } = await call<T>(server.url, 'GET', path, { as: ann });
        expect(status, path).toBe(200);
        return body;
      };
      expect((await get<OwnUser>('/api/auth/check')).email).toBe(ann.email);
      const login = { email: ann.email, password: ann.password };
      const answer = await call(server.url, 'POST', '/api/auth/login', { body: login });
      expect(answer.status).toBe(200);

      const stored = await withDatabase(database, async (db) => {
        const own = await db
          .collection<MembershipRecord>('memberships')
          .find({ userId: ann.id })
          .toArray();
        const ids = own.map(({ conversationId }) => conversationId);
        const heads = await db
          .collection<ConversationRecord>('conversations')
          .find({ _id: { $in: ids } })
          .toArray();
        return { own, heads };
      });
      const lastOf = (kind: string) =>
        stored.heads.filter((head) => head.kind === kind && head.last.seq > 0);

      // The sidebar: those written with, the latest first, with the last message and what is unread.
      const contacts = await get<Contact[]>('/api/messages/users');
      const direct = lastOf('direct').sort(
        (a, b) => (b.last.at?.getTime() ?? 0) - (a.last.at?.getTime() ?? 0),
      );
      expect(direct.length).toBeGreaterThan(2);
      expect(contacts).toHaveLength(29);
      for (const [index, { _id, last, sent }] of direct.entries()) {
        const read = stored.own.find(({ conversationId }) => conversationId === _id)?.readSeq ?? 0;
        expect(contacts[index]).toMatchObject({
          conversationId: _id,
          lastMessage: { _id: last.id, seq: last.seq },
          unreadCount: last.seq - Math.max(read, sent[ann.id] ?? 0),
        });
      }
      const groups = await get<Group[]>('/api/groups');
      expect(groups.map(({ _id }) => _id)).toContain(ann.groupId);

      // History, page by page from the newest to the first.
      const fullest = direct.reduce((a, b) => (b.last.seq > a.last.seq ? b : a));
      const partner = fullest._id.split('-').find((id) => id !== ann.id);
      const seqs: number[] = [];
      for (let before = ''; ; before = `&before=${seqs[0]}`) {
        const page = await get<Message[]>(`/api/messages/${partner}?limit=100${before}`);
        seqs.unshift(...page.map(({ seq }) => seq));
        if (page[0] === undefined || page[0].seq === 1) break;
      }
      expect(seqs).toEqual(Array.from({ length: fullest.last.seq }, (_, index) => index + 1));

      // Whoever the server itself writes has the same fields.
      const fieldsOf = (_id: string) =>
        withDatabase(database, async (db) => {
          const user = await db.collection<{ _id: string }>('users').findOne({ _id });
          return Object.keys(user ?? {}).filter((field) => field !== 'admin');
        });
      const signedUp = await signUp(server.url);
      expect((await fieldsOf(ann.id)).sort()).toEqual((await fieldsOf(signedUp.id)).sort());

      // Nothing is missing for whoever knows the heads; who lacks one message gets that.
      const position = ({ last }: ConversationRecord) => ({
        seq: last.seq,
        rev: 0,
        lastId: last.id,
      });
      const since = Object.fromEntries(stored.heads.map((head) => [head._id, position(head)]));
      const sync = async (body: object) =>
        (await call<SyncResult>(server.url, 'POST', '/api/sync', { as: ann, body })).body;
      expect(await sync({ since })).toMatchObject({ changes: [], joined: [], left: [] });
      const behind = { [fullest._id]: { seq: fullest.last.seq - 1, rev: 0 } };
      const { changes } = await sync({ since: { ...since, ...behind } });
      expect(changes).toMatchObject([
        { conversationId: fullest._id, messages: [{ _id: fullest.last.id }] },
      ]);

      // And the next message has the next number.
      const sent = await call<Message>(server.url, 'POST', `/api/messages/send/${partner}`, {
        as: ann,
        body: { text: 'and on it goes' },
      });
      expect(sent.body.seq).toBe(fullest.last.seq + 1);
    } finally {
      await server.close();
    }
  });

  describe('leaves nobody administrator', () => {
    const FEW = ['--users', '3', '--groups', '0', '--messages', '10', '--seed', '13'];
    const open: { close(): Promise<void> }[] = [];
    afterEach(async () => {
      for (const server of open.splice(0)) await server.close();
    });
    async function start(database: string, env: Record<string, string> = {}): Promise<string> {
      const server = await startTestServer({ database, env });
      open.push(server);
      return server.url;
    }
    const administrators = (database: string): Promise<string[]> =>
      withDatabase(database, async (db) => {
        const found = await db.collection<{ _id: string }>('users').find({ admin: true }).toArray();
        return found.map(({ _id }) => _id);
      });
    /** As an earlier version did it: the oldest account of all. */
    const promoteOldest = (database: string): Promise<string> =>
      withDatabase(database, async (db) => {
        const users = db.collection<{ _id: string }>('users');
        const oldest = await users.findOneAndUpdate(
          {},
          { $set: { admin: true } },
          { sort: { _id: 1 } },
        );
        const _id = 'administrator';
        const settled = { $set: { value: oldest?._id } };
        const deployment = db.collection<{ _id: string }>('deployment');
        await deployment.updateOne({ _id }, settled, { upsert: true });
        return oldest?._id ?? '';
      });

    it('so the first who signs up is, also on a database that was seeded before', async () => {
      const database = newDatabase();
      await seed(database, ...FEW);
      const url = await start(database);
      expect(await administrators(database)).toEqual([]);
      const ann = await signUp(url);
      const ben = await signUp(url);
      expect(await administrators(database)).toEqual([ann.id]);
      await start(database);
      expect(await administrators(database)).not.toContain(ben.id);
    });

    it('also not who has ADMIN_EMAIL, because everybody knows the password', async () => {
      const database = newDatabase();
      await seed(database, ...FEW);
      const [someone] = await seededPeople();
      await start(database, { ADMIN_EMAIL: someone?.email ?? '' });
      expect(await administrators(database)).toEqual([]);
    });

    it('and a start takes it from whom an earlier version made one', async () => {
      const database = newDatabase();
      await seed(database, ...FEW);
      const seeded = await promoteOldest(database);
      expect(await administrators(database)).toEqual([seeded]);
      const url = await start(database);
      expect(await administrators(database)).toEqual([]);
      const ann = await signUp(url);
      expect(await administrators(database)).toEqual([ann.id]);
    });

    it('and prefers who is administrator already to who signed up before', async () => {
      const database = newDatabase();
      await seed(database, ...FEW);
      await promoteOldest(database);
      const url = await start(database);
      const [ann, ben] = [await signUp(url), await signUp(url)];
      await start(database, { ADMIN_EMAIL: ben.email });
      await withDatabase(database, async (db) => {
        await db
          .collection<{ _id: string }>('users')
          .updateOne({ _id: ann.id }, { $unset: { admin: '' } });
      });
      await promoteOldest(database);
      await start(database);
      expect(await administrators(database)).toEqual([ben.id]);
    });

    it('nor leaves a note of one when it is removed', async () => {
      const database = newDatabase();
      await seed(database, ...FEW);
      await promoteOldest(database);
      await seed(database, '--users', '2', ...FEW.slice(2));
      const noted = await withDatabase(database, (db) =>
        db.collection<{ _id: string }>('deployment').findOne({ _id: 'administrator' }),
      );
      expect(noted).toBeNull();
      const url = await start(database);
      const ann = await signUp(url);
      expect(await administrators(database)).toEqual([ann.id]);
    });
  });

  it('refuses what makes no sense, and production without --yes', async () => {
    const database = newDatabase();
    const run = (args: string[], env: Record<string, string> = {}) =>
      runProgram('seed/main.ts', args, { ...environment(database), ...env });
    expect((await run(['--users', '0'])).code).toBe(2);
    expect((await run(['--until', 'never'])).code).toBe(2);
    const production = { NODE_ENV: 'production' };
    const refused = await run([...SMALL, '--tokens', tokensFile()], production);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('--yes');
    expect(await withDatabase(database, (db) => db.collections())).toEqual([]);
    const forced = await run([...SMALL, '--tokens', tokensFile(), '--yes'], production);
    expect(forced.code).toBe(0);
  });
});

describe('npm run create-test-users', slow, () => {
  it('makes people who can write to somebody and to a group', async () => {
    const database = newDatabase();
    const args = ['--count', '40', '--tokens', tokensFile(), '--json'];
    const made = await runProgram('create-test-users.ts', args, environment(database));
    expect(made.code, made.stderr).toBe(0);
    expect(JSON.parse(made.stdout)).toMatchObject({ users: 40, groups: 2, messages: 800 });
    const people = await seededPeople();
    const ann = people.find(({ groupId }) => groupId !== '');
    if (ann === undefined) throw new Error('nobody has a group');
    expect(people.every(({ partnerId }) => partnerId !== '')).toBe(true);
    const server = await startTestServer({ database });
    try {
      const body = { text: 'hello' };
      for (const path of [
        `/api/messages/send/${ann.partnerId}`,
        `/api/groups/${ann.groupId}/messages`,
      ]) {
        expect((await call(server.url, 'POST', path, { as: ann, body })).status).toBe(201);
      }
    } finally {
      await server.close();
    }
  });

  it('refuses in production without --yes', async () => {
    const env = { ...environment(newDatabase()), NODE_ENV: 'production' };
    const args = ['--count', '2', '--tokens', tokensFile()];
    expect((await runProgram('create-test-users.ts', args, env)).code).toBe(2);
  });
});

describe('the private MongoDB', slow, () => {
  const env = () => ({ DATA_DIR: folder, MONGODB_URI: '', JWT_SECRET: '', BCRYPT_COST: '4' });
  const run = (...args: string[]) =>
    runProgram('seed/main.ts', ['--users', '5', '--messages', '50', ...args], env());
  const args = () => ['--json', '--tokens', tokensFile()];

  it('is the running server’s, else it is started and stopped again', async () => {
    const made = await run(...args());
    expect(made.code, made.stderr).toBe(0);
    // Free again: this process takes the folder, as a server does.
    const config = parseConfig({ DATA_DIR: folder, REDIS_URL: 'off' });
    const servers = await openServers(config, () => undefined);
    try {
      const again = await run(...args());
      expect(again.code, again.stderr).toBe(0);
      expect(JSON.parse(again.stdout)).toMatchObject({ action: 'unchanged', messages: 50 });
    } finally {
      await servers.close();
    }
  });

  it('that is none, because the running server has another one, is said to be that', async () => {
    const lock = await lockDataDir(folder);
    const { code, stderr } = await run(...args());
    await lock.release();
    expect(code).toBe(1);
    expect(stderr).toContain(`process ${process.pid}`);
    expect(stderr).toContain('MONGODB_URI');
  });
});
