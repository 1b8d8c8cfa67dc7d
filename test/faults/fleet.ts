/**
 * A hundred people who write to each other, directly and in groups, half over sockets and half
 * over HTTP, and never give a message up: what is not acknowledged is sent again under the
 * same clientId. The socket clients are the client library that the web client uses.
 */
import { appendFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Message, Position, SyncResult } from '../../src/protocol/types.ts';
import { ParleyClient } from '../../src/web/client/client.ts';
import { createMemoryStorage } from '../../src/web/client/outbox-storage.ts';
import { call, type Person, signUp } from '../support/client.ts';
import { createMemory, type Memory } from './memory.ts';

/** One acknowledgement, as it is written down outside the system. */
export interface Acknowledged {
  message: Message;
  /** The sender's own count of messages in that conversation, from 1. */
  number: number;
  /** Milliseconds from the first try. */
  took: number;
  at: number;
}

export interface Book {
  acknowledged: Acknowledged[];
  write(message: Message, took: number): void;
}

/** Keeps every acknowledgement, in a file, too, that nothing under test can reach. */
export function openBook(file: string): Book {
  const acknowledged: Acknowledged[] = [];
  return {
    acknowledged,
    write: (message, took) => {
      const number = Number(/^#(\d+) /.exec(message.text)?.[1]);
      const entry = { message, number, took: Math.round(took), at: performance.now() };
      acknowledged.push(entry);
      appendFileSync(file, `${JSON.stringify(entry)}\n`);
    },
  };
}

type Recipient = { to: string } | { groupId: string };

export interface Bot {
  person: Person;
  /** Conversations it belongs to. */
  conversationIds: string[];
  /** Accepts a message and sees to it that it gets there. */
  write(conversationId: string): void;
  /** Messages that are not acknowledged yet. */
  waiting(): number;
  /** What it holds of a conversation, in order. */
  heldOf(conversationId: string): readonly Message[];
  /** What it held before, and so has to hold still. */
  memory: Memory;
  /** Asks for what it lacks; clients with a socket do so by themselves. */
  catchUp(): Promise<void>;
  stop(): void;
}

export interface Fleet {
  bots: Bot[];
  conversationIds: string[];
  book: Book;
  /** Starts writing `rate` messages a second in all, in turn; the returned function stops it. */
  write(rate: number): () => void;
  /** Writes for so long. */
  writeFor(seconds: number, rate?: number): Promise<void>;
  stop(): void;
}

export interface FleetOptions {
  /** Where each bot connects, by its number. */
  urlOf: (index: number) => string;
  bookFile: string;
  people?: number;
  groups?: number;
  /** Which of the people use HTTP; the rest have a socket. */
  isHttp?: (index: number) => boolean;
}

/** Signs everybody up, makes the groups, and connects. Neighbours write to each other. */
export async function openFleet(options: FleetOptions): Promise<Fleet> {
  const { urlOf, people: count = 100, groups: groupCount = 4 } = options;
  const isHttp = options.isHttp ?? ((index) => index % 4 === 3);
  const book = openBook(options.bookFile);
  const people: Person[] = [];
  for (let from = 0; from < count; from += 10) {
    const some = Array.from({ length: Math.min(10, count - from) }, (_, index) =>
      signUp(urlOf(from + index), `Person ${from + index}`),
    );
    people.push(...(await Promise.all(some)));
  }
  const groupIds: string[] = [];
  for (let group = 0; group < groupCount; group++) {
    const members = people.filter((_, index) => index % groupCount === group);
    const [creator, ...others] = members;
    if (creator === undefined) throw new Error('a group needs people');
    const body = { name: `Group ${group}`, memberIds: others.map(({ id }) => id) };
    const made = await call<{ _id: string }>(urlOf(0), 'POST', '/api/groups', {
      as: creator,
      body,
    });
    groupIds.push(made.body._id);
  }
  const bots = people.map((person, index) => {
    const partner = people[index ^ 1];
    const groupId = groupIds[index % groupCount];
    const recipients = new Map<string, Recipient>();
    if (partner !== undefined) {
      recipients.set([person.id, partner.id].sort().join('-'), { to: partner.id });
    }
    if (groupId !== undefined) recipients.set(groupId, { groupId });
    const make = isHttp(index) ? httpBot : socketBot;
    return make(urlOf(index), person, recipients, book);
  });
  const fleet: Fleet = {
    bots,
    book,
    conversationIds: [...new Set(bots.flatMap((bot) => bot.conversationIds))],
    write: (rate) => {
      let next = 0;
      const began = performance.now();
      const timer = setInterval(() => {
        const due = ((performance.now() - began) * rate) / 1_000;
        for (; next < due; next++) {
          const bot = bots[next % bots.length];
          const ids = bot?.conversationIds ?? [];
          // Everybody writes to both of their conversations in turn.
          bot?.write(ids[Math.floor(next / bots.length) % ids.length] ?? '');
        }
      }, 5);
      return () => clearInterval(timer);
    },
    writeFor: async (seconds, rate = 100) => {
      const stop = fleet.write(rate);
      await delay(seconds * 1_000);
      stop();
    },
    stop: () => {
      for (const bot of bots) bot.stop();
    },
  };
  // Connected, and with an answer to a first message in every conversation.
  for (const bot of bots) for (const id of bot.conversationIds) bot.write(id);
  await until('everybody to be connected', 120_000, () => bots.every((bot) => bot.waiting() === 0));
  // Also those without a socket hold something, of which nothing may be missing afterwards.
  await Promise.all(bots.map((bot) => bot.catchUp()));
  return fleet;
}

/** Numbers the messages of one sender in each conversation, so that their order can be told. */
function createCounter() {
  const counts = new Map<string, number>();
  return (conversationId: string): string => {
    const number = (counts.get(conversationId) ?? 0) + 1;
    counts.set(conversationId, number);
    return `#${number} of this sender here`;
  };
}

function socketBot(
  url: string,
  person: Person,
  recipients: Map<string, Recipient>,
  book: Book,
): Bot {
  const begun = new Map<string, number>();
  const textFor = createCounter();
  const client = new ParleyClient({
    baseUrl: url,
    token: person.token,
    ownId: person.id,
    storage: createMemoryStorage(),
  });
  // Every acknowledgement is written down where it arrives, before the library has it.
  const { connection } = client;
  const ask = connection.ask.bind(connection);
  connection.ask = async (event, payload) => {
    const answer = await ask(event, payload);
    if (event === 'sendMessage') {
      const { message } = answer as { message: Message };
      book.write(message, performance.now() - (begun.get(message.clientId) ?? Number.NaN));
    }
    return answer;
  };
  const memory = createMemory();
  const { messages } = client;
  messages.changed.listen(() => {
    for (const id of recipients.keys()) memory.note(id, messages.view(id).messages);
  });
  for (const event of ['newMessage', 'newGroupMessage'] as const) {
    connection.events.on(event, memory.noteLive);
  }
  const applyChanges = messages.applyChanges.bind(messages);
  messages.applyChanges = (changes) => {
    if (changes.reset) memory.beginAnew(changes.conversationId);
    applyChanges(changes);
  };
  client.start();
  const load = async (): Promise<void> => {
    await client.loadPeople();
    await client.loadGroups();
  };
  const loaded = retried(load);
  return {
    person,
    conversationIds: [...recipients.keys()],
    write: (id) => {
      const recipient = recipients.get(id);
      if (recipient === undefined) throw new Error(`no conversation ${id}`);
      const entry = client.outbox.add(id, recipient, { text: textFor(id) });
      begun.set(entry.clientId, performance.now());
    },
    waiting: () => client.outbox.pendingCount() + [...recipients.keys()].filter(hasFailed).length,
    heldOf: (id) => messages.view(id).messages,
    memory,
    catchUp: () => loaded,
    stop: () => client.stop(),
  };

  function hasFailed(id: string): boolean {
    return client.outbox.entriesOf(id).some((entry) => entry.state === 'failed');
  }
}

/** As clients without a socket do. */
const ASK_EVERY_MS = 5_000;

function httpBot(url: string, person: Person, recipients: Map<string, Recipient>, book: Book): Bot {
  const textFor = createCounter();
  const held = new Map<string, Message[]>([...recipients.keys()].map((id) => [id, []]));
  const positions = new Map<string, Position>();
  const memory = createMemory();
  const lanes = new Map<string, Promise<void>>();
  let waiting = 0;
  let stopped = false;

  async function send(recipient: Recipient, text: string): Promise<void> {
    const began = performance.now();
    const body = { text, clientId: crypto.randomUUID() };
    const path =
      'to' in recipient
        ? `/api/messages/send/${recipient.to}`
        : `/api/groups/${recipient.groupId}/messages`;
    while (!stopped) {
      const answer = await post<Message>(path, body);
      if (answer?.status === 200 || answer?.status === 201) {
        book.write(answer.body, performance.now() - began);
        return;
      }
      if (answer !== undefined && answer.status < 500) {
        throw new Error(`refused: ${answer.status} ${JSON.stringify(answer.body)}`);
      }
      await delay(100 + Math.random() * 200);
    }
  }

  /** undefined: no answer. */
  async function post<T>(path: string, body: unknown) {
    const limit = AbortSignal.timeout(6_000);
    return call<T>(url, 'POST', path, { as: person, body, signal: limit }).catch(() => undefined);
  }

  async function askForAll(): Promise<void> {
    for (let more = true; more && !stopped; ) {
      const since = Object.fromEntries([...held.keys()].map((id) => [id, positionOf(id)]));
      const answer = await post<SyncResult>('/api/sync', { since });
      if (answer?.status !== 200) {
        await delay(200);
        continue;
      }
      for (const { conversationId, reset, messages, upTo } of answer.body.changes) {
        if (reset) memory.beginAnew(conversationId);
        const list = reset ? [] : (held.get(conversationId) ?? []);
        const { seq: known } = reset ? nothingKnown : positionOf(conversationId);
        for (const message of messages) {
          const index = list.findIndex(({ seq }) => seq === message.seq);
          if (message.seq > known) list.push(message);
          else if (index >= 0) list[index] = message;
        }
        held.set(conversationId, list);
        positions.set(conversationId, upTo);
        memory.note(conversationId, list);
      }
      more = answer.body.more;
    }
  }

  const positionOf = (id: string): Position => positions.get(id) ?? nothingKnown;

  /** One after the other: two at once would bring the same twice. */
  let lastAsked: Promise<void> = Promise.resolve();
  let asks = 0;
  function catchUp(): Promise<void> {
    asks++;
    lastAsked = lastAsked.then(askForAll).finally(() => asks--);
    return lastAsked;
  }
  let asking: NodeJS.Timeout | undefined;
  // Each at its own time, as people come: hundreds that ask at once keep everybody waiting.
  const beginning = setTimeout(() => {
    asking = setInterval(() => {
      if (asks === 0) void catchUp();
    }, ASK_EVERY_MS);
  }, Math.random() * ASK_EVERY_MS);

  return {
    person,
    conversationIds: [...recipients.keys()],
    write: (id) => {
      const recipient = recipients.get(id);
      if (recipient === undefined) throw new Error(`no conversation ${id}`);
      const text = textFor(id);
      waiting++;
      const before = lanes.get(id) ?? Promise.resolve();
      const mine = before.then(() => send(recipient, text)).finally(() => waiting--);
      lanes.set(id, mine);
    },
    waiting: () => waiting,
    heldOf: (id) => held.get(id) ?? [],
    memory,
    catchUp,
    stop: () => {
      clearTimeout(beginning);
      clearInterval(asking);
      stopped = true;
    },
  };
}

const nothingKnown: Position = { seq: 0, rev: 0, lastId: '' };

async function retried(work: () => Promise<void>): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (tries === 100) throw error;
      await delay(200);
    }
  }
}

/** Waits for a condition. @throws after the limit, naming what did not come. */
export async function until(
  what: string,
  ms: number,
  condition: () => boolean | Promise<boolean>,
): Promise<number> {
  const began = performance.now();
  while (!(await condition())) {
    if (performance.now() - began > ms) throw new Error(`waited ${ms} ms in vain for ${what}`);
    await delay(20);
  }
  return Math.round(performance.now() - began);
}
