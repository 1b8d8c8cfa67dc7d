/** A typed client of the contract, for tests: HTTP by fetch, sockets by socket.io-client. */
import { io, type Socket } from 'socket.io-client';
import type {
  Ack,
  ClientEventAnswers,
  ClientEventName,
  ClientToServerEvents,
  ServerToClientEvents,
} from '../../src/protocol/events.ts';
import type { Attachment, Message } from '../../src/protocol/types.ts';
import { uniqueName } from './names.ts';

export type ClientSocket = Socket<ServerToClientEvents, ClientToServerEvents>;

export interface Response<T> {
  status: number;
  headers: Headers;
  body: T;
}

/** A signed-up person with a session. */
export interface Person {
  id: string;
  fullName: string;
  email: string;
  cookie: string;
  token: string;
}

export const PASSWORD = 'correct horse battery';

/** Calls a route; a person's session travels as the cookie. */
export async function call<T = Record<string, unknown>>(
  url: string,
  method: string,
  path: string,
  options: {
    as?: Person | undefined;
    body?: unknown;
    headers?: Record<string, string>;
    signal?: AbortSignal;
  } = {},
): Promise<Response<T>> {
  const response = await fetch(url + path, {
    method,
    headers: {
      ...(options.as === undefined ? {} : { cookie: options.as.cookie }),
      ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
      ...options.headers,
    },
    ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json') ?? false;
  return {
    status: response.status,
    headers: response.headers,
    body: (isJson ? JSON.parse(text) : text) as T,
  };
}

/** Signs a new person up. */
export async function signUp(url: string, fullName = 'Ann Example'): Promise<Person> {
  const email = `${uniqueName('person')}@example.org`;
  const body = { fullName, email, password: PASSWORD };
  const response = await call<{ _id: string }>(url, 'POST', '/api/auth/signup', { body });
  if (response.status !== 201) throw new Error(`sign-up answered ${response.status}`);
  return personOf(response, { fullName, email });
}

/** The person that an answer of sign-up or login belongs to. */
export function personOf(
  response: Response<{ _id: string }>,
  known: { fullName: string; email: string },
): Person {
  const cookie = response.headers.getSetCookie()[0]?.split(';')[0] ?? '';
  return { ...known, id: response.body._id, cookie, token: cookie.slice('jwt='.length) };
}

export interface ConnectOptions {
  /** Behaves like the well-known MERN client. */
  legacy?: boolean;
  transports?: string[];
  /** Further ones, beside the cookie. */
  headers?: Record<string, string>;
  /** Instead of the cookie. */
  token?: string;
  /** Called before it connects, to listen to what comes at once. */
  prepare?: (socket: ClientSocket) => void;
}

/** Opens a socket. @throws what `connect_error` carries */
export async function connect(
  url: string,
  person: Person,
  options: ConnectOptions = {},
): Promise<ClientSocket> {
  const { token, headers } = options;
  const socket: ClientSocket = io(url, {
    forceNew: true,
    reconnection: false,
    transports: options.transports ?? ['websocket'],
    extraHeaders: { ...(token === undefined ? { cookie: person.cookie } : {}), ...headers },
    ...(options.legacy ? { query: { userId: person.id } } : {}),
    auth: {
      ...(options.legacy ? {} : { protocol: 1 }),
      ...(token === undefined ? {} : { token }),
    },
  });
  options.prepare?.(socket);
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('connect_error', reject);
  });
  return socket;
}

/** Sends an event and waits for its acknowledgement. */
export function emit<K extends ClientEventName>(
  socket: ClientSocket,
  event: K,
  payload: unknown,
): Promise<Ack<ClientEventAnswers[K]>> {
  const untyped = socket as unknown as Socket;
  return untyped.timeout(10_000).emitWithAck(event, payload) as Promise<Ack<ClientEventAnswers[K]>>;
}

/**
 * Sends a message over a socket as the contract has it: a 503 leaves the outcome open, and the
 * same clientId again settles it. Throws when the message is refused.
 */
export async function send(
  socket: ClientSocket,
  recipient: { to: string } | { groupId: string },
  text: string,
  clientId = uniqueName('client'),
): Promise<Message> {
  const payload = { ...recipient, text, clientId };
  const ack = await eventually(async () => {
    const answer = await emit(socket, 'sendMessage', payload);
    if (!answer.ok && answer.error.status === 503) throw new Error(answer.error.detail);
    return answer;
  });
  if (!ack.ok) throw new Error(`refused: ${ack.error.status} ${ack.error.detail}`);
  return ack.message;
}

/** Everything of one event that a socket heard, and waiting for what is yet to come. */
export function listen<E extends keyof ServerToClientEvents>(socket: ClientSocket, event: E) {
  type Payload = Parameters<ServerToClientEvents[E]>[0];
  const heard: Payload[] = [];
  let wake: () => void = () => undefined;
  const emitter = socket as unknown as {
    on(name: string, listener: (payload: Payload) => void): void;
  };
  emitter.on(event, (payload) => {
    heard.push(payload);
    wake();
  });
  return {
    heard,
    /** Resolves with the first payload that matches; fails after 10 s. */
    until: (matches: (payload: Payload) => boolean = () => true): Promise<Payload> =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          reject(new Error(`no matching ${event} came; heard ${JSON.stringify(heard)}`));
        }, 10_000);
        wake = () => {
          const found = heard.find(matches);
          if (found === undefined) return;
          clearTimeout(timer);
          resolve(found);
        };
        wake();
      }),
  };
}

/** Tries again until the check passes; fails with its last error after 10 s. */
export async function eventually<T>(check: () => Promise<T> | T): Promise<T> {
  const giveUpAt = performance.now() + 10_000;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() > giveUpAt) throw error;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

export interface UploadFile {
  name: string;
  type?: string;
  content: Buffer | string;
}

/** Uploads a file as a browser does. */
export async function upload<T = Attachment>(
  url: string,
  as: Person,
  { name, type = 'application/octet-stream', content }: UploadFile,
): Promise<Response<T>> {
  const form = new FormData();
  form.append('file', new Blob([content as string], { type }), name);
  const response = await fetch(`${url}/api/attachments`, {
    method: 'POST',
    headers: { cookie: as.cookie },
    body: form,
  });
  return { status: response.status, headers: response.headers, body: (await response.json()) as T };
}
