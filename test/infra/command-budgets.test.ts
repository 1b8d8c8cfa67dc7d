/**
 * How many commands each hot operation sends to MongoDB, of which kind, and to which collection:
 * exactly as in the table below, on a real server with Redis. What the server does by itself
 * meanwhile (its looks for changes, its change stream) is told apart by what it asks, and has
 * a budget of its own.
 */
import { Redis } from 'ioredis';
import type { mongo } from 'mongoose';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { Group, Message, SyncResult } from '../../src/protocol/types.ts';
import {
  type ClientSocket,
  call,
  connect,
  emit,
  eventually,
  listen,
  PASSWORD,
  type Person,
  personOf,
  signUp,
  upload,
} from '../support/client.ts';
import { monitored, onCommand } from '../support/commands.ts';
import { createDatabaseName, dropDatabase, withDatabase } from '../support/database.ts';
import { startTestServer, type TestServer, uniqueName } from '../support/server.ts';

/** Command and collection -> how often, such as "find messages": 1. */
type Cost = Record<string, number>;

/** The looks of infra/change-poll.ts and realtime/heads.ts, by the field that they ask for. */
const looks = { headAt: 'heads', readAt: 'reading positions', changedAt: 'profiles' } as const;

/** What the server does by itself; undefined: it belongs to an operation. */
function backgroundOf({ commandName, command }: mongo.CommandStartedEvent): string | undefined {
  if (commandName === 'getMore' && command.collection === 'bus') return 'change stream';
  // It is opened when there is a word, and closed a while after the last one (bus-listener.ts).
  if (commandName === 'find' && command.find === 'bus') return 'looks for words';
  if (commandName === 'aggregate' && command.aggregate === 'bus') return 'openings';
  if (commandName === 'killCursors' && command.killCursors === 'bus') return 'closings';
  // Words of the bus while Redis is slow; what is announced is written in a transaction.
  if (commandName === 'insert' && command.insert === 'bus') {
    return command.autocommit === undefined ? 'words' : undefined;
  }
  // Twice a minute: up to when messages have their terms, and whether another instance left some.
  if (['find', 'update'].includes(commandName) && command[commandName] === 'deployment') {
    return 'marks of the search';
  }
  // Before each look: the database's time.
  if (commandName === 'hello') return 'time';
  if (commandName !== 'find') return undefined;
  // Once a second: whether the sessions of connected sockets still stand.
  if (command.find === 'sessions' && command.filter._id?.$in !== undefined) return 'sessions';
  for (const [field, look] of Object.entries(looks)) {
    if (command.filter[field]?.$gte !== undefined) return look;
  }
  return undefined;
}

function labelOf({ commandName, command }: mongo.CommandStartedEvent): string {
  const collection: unknown = command[commandName];
  return typeof collection === 'string' ? `${commandName} ${collection}` : commandName;
}

const database = createDatabaseName();
let server: TestServer;
let redis: Redis;
let stop: () => void = () => undefined;
/** Since they were emptied. */
let operations: Cost = {};
let background: Cost = {};

async function start(): Promise<void> {
  server = await startTestServer({ database, mongodbUri: monitored(inject('mongodbUri')) });
  stop = onCommand(database, (event) => {
    const own = backgroundOf(event);
    const [counts, label] = own === undefined ? [operations, labelOf(event)] : [background, own];
    counts[label] = (counts[label] ?? 0) + 1;
  });
}
/** Another instance, which has nothing in memory. */
async function restart(): Promise<void> {
  stop();
  await server.close();
  await start();
}
/** Another one that takes over what the former left in Redis, as in a rolling restart. */
async function relieve(): Promise<void> {
  stop();
  const former = server;
  await start();
  // Between two looks the former one tells under which name its copies lie.
  await nextLook();
  await nextLook();
  await former.close();
}
/** Removes what Redis holds of copies. */
async function forgetCopies(): Promise<void> {
  const id = await withDatabase(database, async (db) => {
    const deployments = db.collection<{ _id: string; value: string }>('deployment');
    return (await deployments.findOne({ _id: 'id' }))?.value;
  });
  const keys = await redis.keys(`parley:${id}:cache:*`);
  if (keys.length > 0) await redis.del(keys);
}

/** Resolves when the server has looked for changes once more: what follows behind is done. */
async function nextLook(): Promise<void> {
  const before = background.profiles ?? 0;
  await eventually(() => expect(background.profiles ?? 0).toBeGreaterThan(before));
}

const http = async <T>(as: Person, method: string, path: string, body?: unknown): Promise<T> => {
  const { status, body: answer } = await call<T>(server.url, method, path, { as, body });
  if (status >= 400) throw new Error(`${method} ${path} answered ${status}`);
  return answer;
};
async function uploadNotes(as: Person): Promise<string> {
  const file = { name: 'notes.txt', content: 'buy bread' };
  const { status, body } = await upload(server.url, as, file);
  if (status !== 201) throw new Error(`an upload answered ${status}`);
  return body._id;
}
const get = (as: Person, path: string) => () => http(as, 'GET', path);
/** Over a session of its own, so that none is looked up that was trusted for a minute. */
async function logIn(person: Person): Promise<Person> {
  const body = { email: person.email, password: PASSWORD };
  return personOf(
    await call<{ _id: string }>(server.url, 'POST', '/api/auth/login', { body }),
    person,
  );
}
const sockets: ClientSocket[] = [];
async function open(person: Person, transports = ['websocket']): Promise<ClientSocket> {
  const socket = await connect(server.url, person, { transports });
  sockets.push(socket);
  return socket;
}
async function say(socket: ClientSocket, payload: object): Promise<void> {
  const answer = await emit(socket, 'sendMessage', {
    ...{ clientId: uniqueName('client'), text: 'Hello' },
    ...payload,
  });
  if (!answer.ok) throw new Error(answer.error.detail);
}
/**
 * All at once: in one request of a client that polls, because frames of a WebSocket may come in
 * several pieces. What is emitted first leaves alone, so that is something else.
 */
async function sayAll(socket: ClientSocket, payloads: object[]): Promise<void> {
  const first = emit(socket, 'watchPresence', { userIds: [] });
  await Promise.all([first, ...payloads.map((payload) => say(socket, payload))]);
}
const times = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index));

/** Ann and Ben, who write to each other and in a group; others in no relation to them. */
let ann: Person;
let ben: Person;
let group: string;
let others: Person[];
/** They have 5 and 60 direct conversations. */
let few: Person;
let many: Person;
/** They belong to 2 and 20 groups. */
let twice: Person;
let often: Person;

async function makeGroup(admin: Person, ...members: Person[]): Promise<string> {
  const memberIds = members.map(({ id }) => id);
  return (await http<Group>(admin, 'POST', '/api/groups', { name: 'Friends', memberIds }))._id;
}

/**
 * Its admin's access is in memory, after what was announced came back by the change stream: which
 * may have been opened for it, so that it is the second question which shows that it came.
 */
async function settledGroup(): Promise<string> {
  const before = background['change stream'] ?? 0;
  const id = await makeGroup(ann, ben);
  await eventually(() => expect(background['change stream'] ?? 0).toBeGreaterThan(before + 1));
  await http(ann, 'GET', `/api/groups/${id}`);
  return id;
}

beforeAll(async () => {
  redis = new Redis(inject('redisUrl'));
  await start();
  // A few at a time: passwords of all at once would take longer than a sign-up may.
  const people: Person[] = [];
  while (people.length < 66) {
    people.push(...(await Promise.all(times(6, () => signUp(server.url)))));
  }
  [ann, ben, few, many, twice, often, ...others] = people as [
    Person,
    Person,
    Person,
    Person,
    Person,
    Person,
    ...Person[],
  ];
  group = await makeGroup(ann, ben);
  for (const [person, count] of [
    [few, 5],
    [many, 60],
  ] as const) {
    const socket = await open(person);
    // One after the other: of many first messages at once the last would have to wait too long.
    for (const { id } of others.slice(0, count)) await say(socket, { to: id });
  }
  for (const [person, count] of [
    [twice, 2],
    [often, 20],
  ] as const) {
    const socket = await open(person);
    for (let index = 0; index < count; index++) {
      await say(socket, { groupId: await makeGroup(person, ben) });
    }
  }
  const socket = await open(ann);
  await sayAll(socket, [
    ...times(30, () => ({ to: ben.id })),
    ...times(30, () => ({ groupId: group })),
  ]);
});
afterAll(async () => {
  for (const socket of sockets) socket.disconnect();
  stop();
  await server.close();
  redis.disconnect();
  await dropDatabase(database);
});

/** For a person: what was sent beside what the budget allows. */
function tableOf(operation: string, cost: Cost): string {
  const labels = [...new Set([...Object.keys(cost), ...Object.keys(operations)])].sort();
  const rows = labels.map((label) => {
    const [allowed, sent] = [cost[label] ?? 0, operations[label] ?? 0];
    return `${allowed === sent ? ' ' : '>'} ${label.padEnd(32)}${`${allowed}`.padStart(8)}${`${sent}`.padStart(6)}`;
  });
  return [`${operation}`, `  ${'command'.padEnd(32)} allowed  sent`, ...rows].join('\n');
}

/** Does it, and waits until all that follows behind it was sent. */
async function expectCost(operation: string, cost: Cost, work: () => Promise<unknown>) {
  // What went before may still be written behind, later than usual on a busy machine.
  await eventually(async () => {
    operations = {};
    // Terms are written 250 ms behind their messages.
    await nextLook();
    await nextLook();
    expect(operations).toEqual(none);
  });
  await work();
  // At the latest by then heads are written; it may take longer where more is expected.
  await eventually(() => expect(operations, tableOf(operation, cost)).toMatchObject(cost));
  await nextLook();
  expect(operations, tableOf(operation, cost)).toEqual(cost);
}

/** What a row does before it is counted gives what is counted. */
type Row = [operation: string, cost: Cost, prepare: () => Promise<() => Promise<unknown>>];

const none: Cost = {};
const accepted: Cost = { 'insert messages': 1, 'update conversations': 1 };
const stored: Cost = { ...accepted, 'insert searchTerms': 1 };
const announced: Cost = { 'insert bus': 1, commitTransaction: 1 };
const presented: Cost = { 'find groups': 1, 'find memberships': 1 };
/** Once for each new session and instance. */
const session: Cost = { 'find sessions': 1 };
/** The message twice (may they; what is it now), the last rev, the change, and the head behind it. */
const changed: Cost = { 'find messages': 3, 'update messages': 1, 'update conversations': 1 };
const sum = (...costs: Cost[]): Cost => {
  const all: Cost = {};
  for (const cost of costs) {
    for (const [label, count] of Object.entries(cost)) all[label] = (all[label] ?? 0) + count;
  }
  return all;
};

/** Twice the same: the second time is counted. */
const again = async (work: () => Promise<unknown>): Promise<() => Promise<unknown>> => {
  await work();
  return work;
};
const direct = () => `/api/messages/${ben.id}`;
/** The first messages of one's groups, as somebody else received them. */
const receivedOf = async (person: Person) =>
  (await http<Group[]>(person, 'GET', '/api/groups')).map(({ _id }) => ({
    ...{ conversationId: _id, seq: 1 },
  }));

const warmRows: Row[] = [
  [
    'a message over a socket',
    stored,
    async () => {
      const socket = await open(ann);
      return again(() => say(socket, { to: ben.id }));
    },
  ],
  [
    'a message over HTTP',
    stored,
    async () => again(() => http(ann, 'POST', `/api/messages/send/${ben.id}`, { text: 'Hello' })),
  ],
  [
    'a message to a group',
    stored,
    async () => {
      const socket = await open(ann);
      return again(() => say(socket, { groupId: group }));
    },
  ],
  [
    'a message that names a member',
    sum(stored, { 'find memberships': 1 }),
    async () => {
      const socket = await open(ann);
      return again(() => say(socket, { groupId: group, text: `<@${ben.id}> <@${few.id}>` }));
    },
  ],
  [
    'a message that names all',
    stored,
    async () => {
      const socket = await open(ann);
      return again(() => say(socket, { groupId: group, text: '<@all>' }));
    },
  ],
  [
    'a direct message that names nobody',
    stored,
    async () => {
      const socket = await open(ann);
      return again(() => say(socket, { to: ben.id, text: `<@${ben.id}>` }));
    },
  ],
  ...[5, 50].map(
    (count): Row => [
      `${count} messages at once`,
      stored,
      async () => {
        const socket = await open(ann, ['polling']);
        await say(socket, { to: ben.id });
        return () =>
          sayAll(
            socket,
            times(count, () => ({ to: ben.id })),
          );
      },
    ],
  ),
  ...[5, 50].map(
    (count): Row => [
      `messages to ${count} people at once`,
      stored,
      async () => {
        const socket = await open(many, ['polling']);
        const payloads = others.slice(0, count).map(({ id }) => ({ to: id }));
        await sayAll(socket, payloads);
        return () => sayAll(socket, payloads);
      },
    ],
  ),
  [
    'an edit',
    sum(changed, { 'update searchTerms': 1 }),
    async () => {
      const path = `/api/messages/send/${ben.id}`;
      const { _id } = await http<Message>(ann, 'POST', path, { text: 'Helo' });
      return () => http(ann, 'PATCH', `/api/messages/${_id}`, { text: 'Hello' });
    },
  ],
  [
    'an edit that changes nothing',
    { 'find messages': 2 },
    async () => {
      const path = `/api/messages/send/${ben.id}`;
      const { _id } = await http<Message>(ann, 'POST', path, { text: 'Hello' });
      return () => http(ann, 'PATCH', `/api/messages/${_id}`, { text: 'Hello' });
    },
  ],
  [
    'an edit that names a member',
    // Who is named, and from whom it is hidden.
    sum(changed, { 'update searchTerms': 1 }, { 'find memberships': 2 }),
    async () => {
      const path = `/api/groups/${group}/messages`;
      const { _id } = await http<Message>(ann, 'POST', path, { text: 'Hello' });
      return () => http(ann, 'PATCH', `/api/messages/${_id}`, { text: `Hello <@${ben.id}>` });
    },
  ],
  [
    'a reaction in a group',
    sum(changed, { 'find memberships': 1 }),
    async () => {
      const path = `/api/groups/${group}/messages`;
      const { _id } = await http<Message>(ann, 'POST', path, { text: 'Hello' });
      return () => http(ann, 'PUT', `/api/messages/${_id}/reactions/%F0%9F%91%8D`);
    },
  ],
  [
    'a reply',
    sum(stored, { 'find messages': 1 }),
    async () => {
      const path = `/api/messages/send/${ben.id}`;
      const { _id } = await http<Message>(ann, 'POST', path, { text: 'Hello' });
      return () => http(ann, 'POST', path, { text: 'Hello', replyTo: _id });
    },
  ],
  [
    'an upload',
    {
      'aggregate attachments': 1,
      'insert attachments': 1,
      'update attachments': 1,
      'find attachments': 1,
    },
    async () => again(() => uploadNotes(ann)),
  ],
  [
    'a message with uploads',
    sum(stored, { 'find attachments': 2, 'update attachments': 1 }),
    async () => {
      const attachments = [await uploadNotes(ann), await uploadNotes(ann)];
      return () => http(ann, 'POST', `/api/messages/send/${ben.id}`, { attachments });
    },
  ],
  [
    'the first message between two people',
    sum(stored, {
      'find users': 1,
      'find conversations': 2,
      'find memberships': 2,
      'update conversations': 1,
      'update memberships': 1,
    }),
    async () => {
      const [one, other] = [await signUp(server.url), await signUp(server.url)];
      const socket = await open(one);
      return () => say(socket, { to: other.id });
    },
  ],
  [
    'the same clientId again',
    sum(accepted, { 'find messages': 2 }),
    async () => {
      const socket = await open(ann);
      const payload = { to: ben.id, clientId: uniqueName('client') };
      return again(() => say(socket, payload));
    },
  ],
  ['the newest page', none, async () => again(get(ann, direct()))],
  [
    'the newest page after a message',
    none,
    async () => {
      await http(ann, 'GET', direct());
      await http(ann, 'POST', `/api/messages/send/${ben.id}`, { text: 'Hello' });
      return get(ann, direct());
    },
  ],
  ['an older page', none, async () => again(get(ann, `${direct()}?before=20&limit=5`))],
  [
    'an older page that nobody read',
    { 'find messages': 1 },
    async () => get(ann, `${direct()}?before=20&limit=6`),
  ],
  [
    'the newest page of a group',
    none,
    async () => again(get(ann, `/api/groups/${group}/messages`)),
  ],
  ...[5, 60].map(
    (count): Row => [
      `the sidebar with ${count} conversations`,
      none,
      async () => again(get(count === 5 ? few : many, '/api/messages/users')),
    ],
  ),
  ...[2, 20].map(
    (count): Row => [
      `the list of ${count} groups`,
      presented,
      async () => again(get(count === 2 ? twice : often, '/api/groups')),
    ],
  ),
  ['a list of groups with unread messages', presented, async () => again(get(ben, '/api/groups'))],
  [
    'a list of groups after a message',
    // Of the one that it came to, where messages were changed; what the others have is known.
    sum(presented, { 'aggregate messages': 1, 'find messages': 1 }),
    async () => {
      await http(ben, 'GET', '/api/groups');
      await http(ann, 'POST', `/api/groups/${group}/messages`, { text: 'Hello' });
      return get(ben, '/api/groups');
    },
  ],
  ...[1, 60].map(
    (count): Row => [
      `a search in ${count === 1 ? 'one conversation' : `${count} conversations`}`,
      { 'find searchTerms': 1, 'find messages': 1 },
      async () =>
        again(
          count === 1
            ? get(ann, `/api/messages/search?q=hello&in=${group}`)
            : get(many, '/api/messages/search?q=hello'),
        ),
    ],
  ),
  [
    'a search for what nobody wrote',
    { 'find searchTerms': 1, 'aggregate searchTerms': 1 },
    async () => again(get(many, '/api/messages/search?q=nobody')),
  ],
  [
    'a search for a word that is there, and one that is not',
    // Each in all conversations; then the other one as a beginning.
    { 'find searchTerms': 2, 'aggregate searchTerms': 1 },
    async () => again(get(many, '/api/messages/search?q=hello+nobody')),
  ],
  ['a user', none, async () => again(get(ann, `/api/users/${ben.id}`))],
  ['the directory', { 'find users': 1 }, async () => again(get(ann, '/api/users?query=an'))],
  [
    'a reading position over HTTP',
    { 'update memberships': 1 },
    async () => again(() => http(ann, 'POST', `${direct()}/read`, { seq: 3 })),
  ],
  [
    'how far both have read',
    { 'find memberships': 1, 'find conversations': 1 },
    async () => again(() => http(ann, 'GET', `${direct()}/positions`)),
  ],
  [
    'a reading position over a socket',
    { 'update memberships': 1 },
    async () => {
      const socket = await open(ann);
      const conversationId = [ann.id, ben.id].sort().join('-');
      return again(() => emit(socket, 'markRead', { conversationId, seq: 4 }));
    },
  ],
  [
    'what a device received of 20 conversations',
    { 'update memberships': 1 },
    async () => {
      const positions = await receivedOf(often);
      const socket = await open(ben);
      return () => emit(socket, 'markDelivered', { positions });
    },
  ],
  [
    'the same from another device',
    none,
    async () => {
      const positions = await receivedOf(twice);
      await emit(await open(ben), 'markDelivered', { positions });
      const socket = await open(ben);
      return () => emit(socket, 'markDelivered', { positions });
    },
  ],
  ['who one is', none, async () => again(get(ann, '/api/auth/check'))],
  [
    'who one is, in a new session',
    session,
    async () => {
      const person = await logIn(ann);
      return get(person, '/api/auth/check');
    },
  ],
  ['own sessions', session, async () => again(get(ann, '/api/auth/sessions'))],
  ['a sign-up', { 'update users': 1, 'insert sessions': 1 }, async () => () => signUp(server.url)],
  ['a login', { 'find users': 1, 'insert sessions': 1 }, async () => () => logIn(ann)],
  [
    'a login with a wrong password',
    { 'find users': 1 },
    async () => () =>
      call(server.url, 'POST', '/api/auth/login', {
        body: { email: ann.email, password: 'not hers' },
      }),
  ],
  [
    'a logout',
    sum(announced, { 'delete sessions': 1 }),
    async () => {
      const person = await logIn(ann);
      await http(person, 'GET', '/api/auth/check');
      return () => http(person, 'POST', '/api/auth/logout');
    },
  ],
  [
    'another name',
    { 'findAndModify users': 1 },
    async () =>
      again(() => http(ann, 'PUT', '/api/auth/update-profile', { fullName: 'Anna Example' })),
  ],
  ...[5, 60].map(
    (count): Row => [
      `a socket of one with ${count} conversations`,
      { 'find memberships': 1, 'find conversations': 1 },
      async () => again(() => open(count === 5 ? few : many)),
    ],
  ),
  [
    'whom a socket watches',
    none,
    async () => {
      const socket = await open(ann);
      return again(() => emit(socket, 'watchPresence', { userIds: [ben.id] }));
    },
  ],
  [
    'the end of the last socket',
    { 'update users': 1 },
    async () => {
      const [watcher, person] = [await open(ann), await signUp(server.url)];
      const presence = listen(watcher, 'presence');
      await emit(watcher, 'watchPresence', { userIds: [person.id] });
      const socket = await open(person);
      // Who comes and goes within one window of changes was never there.
      await presence.until((states) => states.some(({ online }) => online));
      return async () => socket.disconnect();
    },
  ],
  // One for each conversation that is behind, and at most 50 in an answer.
  ...[
    [5, 5],
    [60, 50],
  ].map(
    ([count, asked]): Row => [
      `sync of ${count} unknown conversations`,
      { 'find memberships': 1, 'find conversations': 1, 'find messages': asked ?? 0 },
      async () => () => http(count === 5 ? few : many, 'POST', '/api/sync', { since: {} }),
    ],
  ),
  [
    'sync of what is known',
    { 'find memberships': 1, 'find conversations': 1 },
    async () => {
      const { changes } = await http<SyncResult>(few, 'POST', '/api/sync', { since: {} });
      const since = Object.fromEntries(
        changes.map(({ conversationId, upTo }) => [conversationId, upTo]),
      );
      return () => http(few, 'POST', '/api/sync', { since });
    },
  ],
  [
    'a new group',
    sum(announced, presented, {
      'find users': 1,
      'insert groups': 1,
      'insert conversations': 1,
      'insert memberships': 1,
    }),
    async () => () => makeGroup(ann, ben),
  ],
  [
    'a group',
    sum(presented, { 'find memberships': 1, 'find conversations': 1 }),
    async () => again(get(ann, `/api/groups/${group}`)),
  ],
  [
    'another name of a group',
    sum(presented, { 'findAndModify groups': 1 }),
    async () => again(() => http(ann, 'PUT', `/api/groups/${group}`, { name: 'Friends' })),
  ],
  ...[1, 20].map(
    (count): Row => [
      `${count} new members of a group`,
      sum(announced, presented, {
        'find users': 1,
        'findAndModify conversations': 1,
        'find memberships': 1,
        'find groups': 1,
        'insert memberships': 1,
      }),
      async () => {
        const id = await settledGroup();
        const memberIds = others.slice(0, count).map((one) => one.id);
        return () => http(ann, 'POST', `/api/groups/${id}/members`, { memberIds });
      },
    ],
  ),
  [
    'a member less',
    sum(announced, presented, {
      'findAndModify conversations': 1,
      'find memberships': 1,
      'delete memberships': 1,
      'update conversations': 1,
    }),
    async () => {
      const id = await settledGroup();
      return () => http(ann, 'DELETE', `/api/groups/${id}/members/${ben.id}`);
    },
  ],
  [
    'a group less',
    sum(announced, {
      'findAndModify conversations': 1,
      'find memberships': 1,
      'delete groups': 1,
      'delete memberships': 1,
      'delete conversations': 1,
      'insert deployment': 1,
      'find messages': 1,
      'find attachments': 1,
      'delete deployment': 1,
      'find searchTerms': 1,
    }),
    async () => {
      const id = await settledGroup();
      return () => http(ann, 'DELETE', `/api/groups/${id}`);
    },
  ],
];

describe('on an instance that has it in memory', () => {
  it.each(warmRows)('%s', async (operation, cost, prepare) => {
    // Sessions are looked up anew after a minute, which would be counted wherever it falls.
    for (const person of [ann, few, many, twice, often]) Object.assign(person, await logIn(person));
    for (const person of [ann, few, many, twice, often])
      await http(person, 'GET', '/api/auth/check');
    await expectCost(operation, cost, await prepare());
  });
});

const cold = (...costs: Cost[]): Cost => sum(session, ...costs);
/** What makes a page: that the other is there or oneself belongs to it, where it stands, its messages. */
const page: Cost = { 'find conversations': 1, 'find messages': 1 };
const sidebar: Cost = { 'find memberships': 1, 'find conversations': 1, 'find users': 2 };

/** Copies of messages may be in Redis; what else is there is from before the instance's time. */
type ColdRow = [
  operation: string,
  redis: 'empty' | 'full',
  cost: Cost,
  work: () => Promise<unknown>,
];

const coldRows: ColdRow[] = [
  ['who one is', 'empty', cold({ 'find users': 1 }), () => http(ann, 'GET', '/api/auth/check')],
  [
    'twenty requests of one session at once',
    'empty',
    cold({ 'find users': 1 }),
    () => Promise.all(times(20, () => http(ann, 'GET', '/api/auth/check'))),
  ],
  [
    'the sidebar with 5 conversations',
    'empty',
    cold(sidebar, { 'find messages': 1 }),
    () => http(few, 'GET', '/api/messages/users'),
  ],
  [
    'the sidebar with 60 conversations',
    'empty',
    cold(sidebar, { 'find messages': 1 }),
    () => http(many, 'GET', '/api/messages/users'),
  ],
  [
    'the sidebar with 60 conversations',
    'full',
    cold(sidebar),
    () => http(many, 'GET', '/api/messages/users'),
  ],
  [
    'the list of 2 groups',
    'empty',
    cold(presented, page, { 'find memberships': 1, 'find users': 1 }),
    () => http(twice, 'GET', '/api/groups'),
  ],
  [
    'the list of 20 groups',
    'empty',
    cold(presented, page, { 'find memberships': 1, 'find users': 1 }),
    () => http(often, 'GET', '/api/groups'),
  ],
  [
    'a list of groups with unread messages',
    'empty',
    cold(presented, page, { 'find memberships': 1, 'find users': 1, 'aggregate messages': 1 }),
    () => http(ben, 'GET', '/api/groups'),
  ],
  [
    'a list of groups with unread messages',
    'full',
    cold(presented, { 'find conversations': 1, 'find memberships': 1, 'find users': 1 }),
    () => http(ben, 'GET', '/api/groups'),
  ],
  ['the newest page', 'empty', cold(page, { 'find users': 1 }), () => http(ann, 'GET', direct())],
  [
    'the newest page',
    'full',
    cold({ 'find conversations': 1, 'find users': 1 }),
    () => http(ann, 'GET', direct()),
  ],
  [
    'an older page',
    'empty',
    cold(page, { 'find users': 1 }),
    () => http(ann, 'GET', `${direct()}?before=20&limit=5`),
  ],
  [
    'the newest page of a group',
    'empty',
    cold(page, { 'find memberships': 1 }),
    () => http(ann, 'GET', `/api/groups/${group}/messages`),
  ],
  [
    'a socket of one with 60 conversations',
    'empty',
    cold({ 'find memberships': 1, 'find conversations': 1 }),
    () => open(many),
  ],
];

describe('on an instance that has just started', { timeout: 40_000 }, () => {
  it.each(coldRows)('%s, Redis %s', async (operation, redisIs, cost, work) => {
    if (redisIs === 'empty') {
      await forgetCopies();
      await restart();
    } else await relieve();
    await expectCost(operation, cost, work);
  });
});

it('looks for changes with four questions, twice a second, and asks nothing else when idle', async () => {
  await restart();
  await nextLook();
  [operations, background] = [{}, {}];
  const began = performance.now();
  await eventually(() => expect(background.profiles).toBe(6));
  const seconds = (performance.now() - began) / 1_000;
  const { heads = 0, 'reading positions': positions = 0, time = 0, ...more } = background;
  const { words: _words, ...rest } = more;
  expect(Math.abs(positions - 6)).toBeLessThanOrEqual(1);
  // The broadcast of heads asks, too.
  expect(time).toBeGreaterThanOrEqual(5);
  expect(time).toBeLessThanOrEqual(7 + Math.ceil(seconds / 3));
  // Clients are told where conversations stand by the same question, every 3 s.
  expect(heads).toBeGreaterThanOrEqual(5);
  expect(heads).toBeLessThanOrEqual(7 + Math.ceil(seconds / 3));
  expect(seconds).toBeGreaterThan(2);
  const { 'change stream': stream = 0, 'looks for words': words = 0, ...looked } = rest;
  // It follows the stream, or looks, twice a second.
  expect(stream + words).toBeGreaterThan(0);
  expect(stream + words).toBeLessThanOrEqual(2 + 2 * Math.ceil(seconds));
  const { openings = 0, closings = 0, 'marks of the search': marks = 0, ...others } = looked;
  expect(marks).toBeLessThanOrEqual(2);
  expect(Math.max(openings, closings)).toBeLessThanOrEqual(1);
  expect(Object.keys(others)).toEqual(['profiles']);
  expect(operations).toEqual(none);
});
