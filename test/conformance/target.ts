/**
 * The server under test: the one at CONFORMANCE_URL, else one of the tests' own.
 *
 * The suite knows nothing of it but its URL. It makes people of its own and touches nothing of
 * others, because others may be using that server. Requests carry no cookie of a balancer, so
 * behind one they go to any instance: what a test reads from a list may be a moment behind, and
 * is waited for.
 */
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { type ProblemCode, problems } from '../../src/protocol/problems.ts';
import type { Group } from '../../src/protocol/types.ts';
import {
  type ClientSocket,
  type ConnectOptions,
  call,
  connect,
  eventually,
  PASSWORD,
  type Person,
  type Response,
  signUp,
} from '../support/client.ts';
import { uniqueName } from '../support/names.ts';

export interface Target {
  /** Without a slash at the end. Only within tests. */
  readonly url: string;
  call<T = Record<string, unknown>>(
    method: string,
    path: string,
    options?: Parameters<typeof call>[3],
  ): Promise<Response<T>>;
  /** New people of these names. */
  people<const Names extends readonly string[]>(
    ...names: Names
  ): Promise<{ [Index in keyof Names]: Person }>;
  /** Opens a socket; it is closed when the test ends. */
  open(person: Person, options?: ConnectOptions): Promise<ClientSocket>;
  /** Makes a group; the first person is its admin. */
  group(people: Person[], more?: object): Promise<Group>;
  /** A conversation of Ann and Ben. */
  conversation(kind: Kind): Promise<Conversation>;
}

export type Kind = 'direct' | 'group';

/** A conversation of two people, direct or in a group, as far as tests can treat both alike. */
export interface Conversation {
  id: string;
  ann: Person;
  ben: Person;
  /** As `sendMessage` takes it. */
  to(receiver: Person): { to: string } | { groupId: string };
  /** Of the route that sends to the other person. */
  sendPath(receiver: Person): string;
  /** Of the history, as seen by one who talks to `other`. */
  historyPath(other: Person): string;
  readPath(other: Person): string;
  positionsPath(other: Person): string;
  event: 'newMessage' | 'newGroupMessage';
}

/** An id that no user, group or message has. */
export const NOBODY = '0123456789abcdef01234567';

/** A red dot: 1 × 1 pixel. */
export const PNG =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==';

export const directId = (a: Person, b: Person): string => [a.id, b.id].sort().join('-');

interface Server {
  url: string;
  close(): Promise<void>;
}
let server: Promise<Server> | undefined;

async function findServer(): Promise<Server> {
  const given = process.env.CONFORMANCE_URL;
  if (given !== undefined) {
    return { url: given.replace(/\/+$/, ''), close: async () => undefined };
  }
  // Loaded only where it is needed: it brings the whole server along.
  const { startTestServer } = await import('../support/server.ts');
  const own = await startTestServer();
  // Who comes first is administrator, and the suite's people are not.
  await signUp(own.url);
  return own;
}

/** Declares the server of a test file; files that run as one share it. */
export function testTarget(): Target {
  let url = '';
  const sockets: ClientSocket[] = [];

  beforeAll(async () => {
    server ??= findServer();
    ({ url } = await server);
  });
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.disconnect();
  });
  afterAll(async () => {
    const found = server;
    server = undefined;
    await (await found)?.close();
  });

  const target: Target = {
    get url() {
      return url;
    },
    call: (method, path, options) => call(url, method, path, options),
    people: async <const Names extends readonly string[]>(...names: Names) =>
      (await Promise.all(names.map((name) => signUp(url, name)))) as {
        [Index in keyof Names]: Person;
      },
    open: async (person, options) => {
      const socket = await connect(url, person, options);
      sockets.push(socket);
      return socket;
    },
    group: async ([admin, ...members], more = {}) => {
      const body = { name: 'Friends', memberIds: members.map(({ id }) => id), ...more };
      const answer = await call<Group>(url, 'POST', '/api/groups', { as: admin, body });
      expect(answer.status).toBe(201);
      return answer.body;
    },
    conversation: async (kind) => {
      const [ann, ben] = await target.people('Ann', 'Ben');
      if (kind === 'direct') {
        return {
          id: directId(ann, ben),
          ann,
          ben,
          to: ({ id }) => ({ to: id }),
          sendPath: ({ id }) => `/api/messages/send/${id}`,
          historyPath: ({ id }) => `/api/messages/${id}`,
          readPath: ({ id }) => `/api/messages/${id}/read`,
          positionsPath: ({ id }) => `/api/messages/${id}/positions`,
          event: 'newMessage',
        };
      }
      const { _id } = await target.group([ann, ben]);
      return {
        id: _id,
        ann,
        ben,
        to: () => ({ groupId: _id }),
        sendPath: () => `/api/groups/${_id}/messages`,
        historyPath: () => `/api/groups/${_id}/messages`,
        readPath: () => `/api/groups/${_id}/read`,
        positionsPath: () => `/api/groups/${_id}/positions`,
        event: 'newGroupMessage',
      };
    },
  };
  return target;
}

/** What a new account is made from. */
export const newAccount = (fullName = 'Jane Doe') => ({
  fullName,
  email: `${uniqueName('person')}@example.org`,
  password: PASSWORD,
});

/**
 * All cookies of a browser that logs in, by their names: a balancer may need one beside the
 * session's to keep a client that polls on one instance.
 */
export async function cookiesOf({ email }: Person, target: Target): Promise<Map<string, string>> {
  const body = { email, password: PASSWORD };
  const { headers } = await target.call('POST', '/api/auth/login', { body });
  return new Map(
    headers.getSetCookie().map((cookie) => {
      const [pair = ''] = cookie.split(';');
      return [pair.slice(0, pair.indexOf('=')), pair];
    }),
  );
}

/** The statuses of several answers. */
export const statuses = (answers: { status: number }[]): number[] =>
  answers.map(({ status }) => status);

/** Expects a refusal in the form of the contract: RFC 9457 and what older clients read. */
export function expectProblem(answer: Response<unknown>, code: ProblemCode): void {
  expect(answer.body).toMatchObject({ code });
  const { status, title } = problems[code];
  expect(answer.status).toBe(status);
  expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  const { detail } = answer.body as { detail: string };
  expect(detail).toMatch(/\w/);
  expect(answer.body).toMatchObject({
    type: expect.any(String),
    title,
    status,
    requestId: answer.headers.get('x-request-id'),
    message: detail,
    error: detail,
  });
}

/** Waits until the server has closed a socket. */
export const untilClosed = (socket: ClientSocket): Promise<void> =>
  eventually(() => expect(socket.connected).toBe(false));

/** Expects exactly these keys, and some of the optional ones. */
export function expectKeys(value: object, required: string[], optional: string[] = []): void {
  const keys = Object.keys(value).filter((key) => !optional.includes(key));
  expect(keys.sort()).toEqual([...required].sort());
}
