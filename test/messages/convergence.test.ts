/**
 * Whatever several people do on two instances, in the end all their clients, a client that
 * starts anew, and the database agree: on every message, and on what is unread, and of that on
 * what names them.
 *
 * Each run is a script of steps made from a seed (fast-check), and runs on the same two servers
 * with people of its own. `CONVERGENCE_RUNS` and `CONVERGENCE_SEED` choose others; a script that
 * fails is shrunk and printed.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { Group, Message } from '../../src/protocol/types.ts';
import { ParleyClient } from '../../src/web/client/client.ts';
import { ProblemError, UnreachableError } from '../../src/web/client/errors.ts';
import { createMemoryStorage } from '../../src/web/client/outbox-storage.ts';
import { call, eventually, type Person, signUp } from '../support/client.ts';
import { withDatabase } from '../support/database.ts';
import { type Network, openNetwork } from '../support/network.ts';
import { startTestCluster, type TestCluster } from '../support/server.ts';

const RUNS = Number(process.env.CONVERGENCE_RUNS ?? 60);
const SEED = Number(process.env.CONVERGENCE_SEED ?? 20_261_126);
const PEOPLE = 3;
const EMOJI = ['👍', '❤️', '😂'];

const who = fc.nat(PEOPLE - 1);
/** The group, or the direct conversation with the next person, or the one after. */
const where = fc.nat(2);
const which = fc.nat(9);
/** Whom a text names: one of the people, all of them, or nobody. */
const names = fc.oneof(
  { weight: 3, arbitrary: fc.constant(undefined) },
  { weight: 2, arbitrary: who },
  { weight: 1, arbitrary: fc.constant('all' as const) },
);
const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('send' as const), by: who, where, names }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('reply' as const), by: who, where, which, names }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('edit' as const), by: who, where, which, names }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('delete' as const), by: who, where, which }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('react' as const),
      ...{ by: who, where, which, emoji: fc.nat(EMOJI.length - 1), active: fc.boolean() },
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('read' as const), by: who, where }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('open' as const), by: who, where }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('list' as const), by: who }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('leave' as const), by: who }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('add' as const), by: who, who }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('disconnect' as const), by: who }) },
);
const script = fc.record({
  /** Each with whether what was done so far is waited for; else the next one meets it on its way. */
  steps: fc.array(fc.tuple(step, fc.boolean()), { minLength: 5, maxLength: 25 }),
  sinceJoin: fc.boolean(),
  /** Redis goes away before a step of this number and comes back before the other. */
  redis: fc.option(fc.tuple(fc.nat(10), fc.nat(20)), { freq: 12 }),
});
type Script = typeof script extends fc.Arbitrary<infer T> ? T : never;

/** What is to be equal of a message. */
const essence = ({
  _id,
  seq,
  text,
  rev,
  senderId,
  deletedAt,
  editedAt,
  reactions,
  mentions,
  replyTo,
}: Message) => ({
  ...{ _id, seq, text, rev, senderId, deletedAt, editedAt, reactions, mentions },
  replyTo: replyTo?._id,
});

describe('clients, servers and the database', () => {
  let redis: Network;
  let cluster: TestCluster;
  beforeAll(async () => {
    redis = await openNetwork(inject('redisUrl'));
    cluster = await startTestCluster({ redisUrl: redis.url.replace('http:', 'redis:') });
  });
  afterAll(async () => {
    await cluster.close();
    await redis.close();
  });

  const clients: ParleyClient[] = [];
  /** A client that does with notices what the page does. */
  async function open(person: Person, index: number): Promise<ParleyClient> {
    const client = new ParleyClient({
      baseUrl: cluster.servers[index % 2]?.url ?? '',
      token: person.token,
      ownId: person.id,
      storage: createMemoryStorage(),
    });
    clients.push(client);
    const load = () => Promise.all([client.loadPeople(), client.loadGroups()]);
    client.notices.listen(({ type }) => {
      if (type === 'listsStale') load().catch(() => undefined);
    });
    await load();
    client.start();
    await eventually(() => expect(client.connection.status).toBe('online'));
    return client;
  }

  /** What a person may know of a conversation, from the database alone. */
  const truthOf = (conversationId: string, userId: string) =>
    withDatabase(cluster.database, async (db) => {
      const [membership, head, records] = await Promise.all([
        db.collection('memberships').findOne({ conversationId, userId }),
        db.collection<{ _id: string }>('conversations').findOne({ _id: conversationId }),
        db.collection('messages').find({ conversationId }).sort({ seq: 1 }).toArray(),
      ]);
      if (membership === null || head === null) return undefined;
      const own = records.filter(({ senderId }) => senderId === userId).at(-1)?.seq ?? 0;
      const { fromSeq, readSeq } = membership as never as { fromSeq: number; readSeq: number };
      const last = records.at(-1)?.seq ?? 0;
      const readUpTo = Math.max(readSeq, own, fromSeq);
      const messages = records.filter(({ seq }) => seq > fromSeq) as never as (Message & {
        deletedAt?: Date;
        editedAt?: Date;
      })[];
      return {
        messages: messages.map((one) => ({
          ...essence(one),
          deletedAt: one.deletedAt && new Date(one.deletedAt).toISOString(),
          editedAt: one.editedAt && new Date(one.editedAt).toISOString(),
        })),
        unread: Math.max(0, last - readUpTo),
        mentions: messages.filter(
          ({ seq, senderId, mentions = [] }) =>
            seq > readUpTo &&
            senderId !== userId &&
            (mentions.includes(userId) || mentions.includes('all')),
        ).length,
        head,
        last,
        lastRev: Math.max(0, ...records.map(({ rev }) => rev as number)),
      };
    });

  function viewOf(client: ParleyClient, conversationId: string) {
    const { unread = 0, mentions = 0 } = client.messages.summaries().get(conversationId) ?? {};
    const messages = client.messages.view(conversationId).messages.map(essence);
    return { messages, unread, mentions };
  }

  async function play({ steps, sinceJoin, redis: outage }: Script): Promise<void> {
    const people = await Promise.all(
      Array.from({ length: PEOPLE }, (_, index) =>
        signUp(cluster.servers[index % 2]?.url ?? '', `Person ${index}`),
      ),
    );
    const person = (index: number) => people[index % PEOPLE] as Person;
    const made = await call<Group>(cluster.a.url, 'POST', '/api/groups', {
      as: person(0),
      body: {
        name: 'All',
        memberIds: people.slice(1).map(({ id }) => id),
        history: sinceJoin ? 'sinceJoin' : 'all',
      },
    });
    const groupId = made.body._id;
    const own = await Promise.all(people.map(open));
    const client = (index: number) => own[index] as ParleyClient;
    const partner = (by: number, place: number) => person(by + place);
    const conversation = (by: number, place: number) =>
      place === 0 ? groupId : [person(by).id, partner(by, place).id].sort().join('-');
    const token = (named: number | 'all' | undefined) =>
      named === undefined ? '' : ` <@${named === 'all' ? named : person(named).id}>`;
    const pick = (by: number, place: number, nth: number) => {
      const { messages } = client(by).messages.view(conversation(by, place));
      return messages[messages.length - 1 - (nth % Math.max(1, messages.length))];
    };
    const allowed = (work: Promise<unknown>) =>
      work.catch((error: unknown) => {
        // Refused, or the connection is away; whoever meant it would try again.
        if (error instanceof ProblemError || error instanceof UnreachableError) return;
        throw error;
      });
    const pending: Promise<unknown>[] = [];
    const done = async () => {
      await Promise.all(pending.splice(0));
      await eventually(() => {
        for (const one of own) expect(one.outbox.pendingCount()).toBe(0);
      });
    };
    for (const [index, [one, isAwaited]] of steps.entries()) {
      if (outage?.[0] === index) redis.cut();
      if (outage?.[1] === index) redis.restore();
      if (one.do === 'send' || one.do === 'reply') {
        const id = conversation(one.by, one.where);
        const to = one.where === 0 ? { groupId } : { to: partner(one.by, one.where).id };
        const answered = one.do === 'reply' ? pick(one.by, one.where, one.which) : undefined;
        const reply = answered && {
          _id: answered._id,
          seq: answered.seq,
          senderId: answered.senderId,
        };
        client(one.by).outbox.add(id, to, {
          text: `step ${index}${token(one.names)}`,
          ...(reply ? { replyTo: reply } : {}),
        });
      } else if (one.do === 'edit' || one.do === 'delete' || one.do === 'react') {
        const message = pick(one.by, one.where, one.which);
        if (message === undefined) continue;
        const by = client(one.by);
        pending.push(
          allowed(
            one.do === 'edit'
              ? by.edit(message._id, `edited at ${index}${token(one.names)}`)
              : one.do === 'delete'
                ? by.delete(message._id)
                : by.react(message._id, EMOJI[one.emoji] ?? '', one.active),
          ),
        );
      } else if (one.do === 'read') {
        const id = conversation(one.by, one.where);
        const last = client(one.by).messages.lastSeq(id);
        if (last > 0)
          pending.push(
            allowed(client(one.by).connection.ask('markRead', { conversationId: id, seq: last })),
          );
      } else if (one.do === 'open') {
        pending.push(allowed(client(one.by).loadOlder(conversation(one.by, one.where))));
      } else if (one.do === 'list') {
        // As the page does now and then; what it is told may be older than what it knows.
        pending.push(allowed(client(one.by).loadGroups()));
      } else if (one.do === 'leave') {
        await call(cluster.a.url, 'POST', `/api/groups/${groupId}/leave`, { as: person(one.by) });
      } else if (one.do === 'add') {
        await call(cluster.b.url, 'POST', `/api/groups/${groupId}/members`, {
          as: person(one.by),
          body: { memberIds: [person(one.who).id] },
        });
      } else client(one.by).connection.wake();
      if (isAwaited) await done();
    }
    redis.restore();
    await done();
    await agree(people, own, groupId);
    await hearDeletions(people, own, groupId);
    const anew = await Promise.all(people.map((one, index) => open(one, index + 1)));
    await agree(people, anew, groupId);
  }

  /** Deletions are told to those who are there: `sync` would heal it if they were not. */
  async function hearDeletions(people: Person[], own: ParleyClient[], groupId: string) {
    for (const { url } of cluster.servers) {
      await eventually(async () =>
        expect((await call(url, 'GET', '/health')).body).toMatchObject({ redis: { status: 'up' } }),
      );
    }
    const heard = own.map(({ connection }) => {
      const ids = new Set<string>();
      connection.events.on('messageDeleted', ({ _id }) => ids.add(_id));
      return ids;
    });
    for (const [index, client] of own.entries()) {
      const partner = people[(index + 1) % PEOPLE] as Person;
      for (const id of [groupId, [client.ownId, partner.id].sort().join('-')]) {
        const message = client.messages
          .view(id)
          .messages.find(
            ({ senderId, deletedAt }) => senderId === client.ownId && deletedAt === undefined,
          );
        if (message === undefined) continue;
        await client.delete(message._id);
        for (const [other, { messages }] of own.entries()) {
          if (messages.view(id).messages.every(({ _id }) => _id !== message._id)) continue;
          await eventually(() => expect(heard[other]).toContain(message._id));
        }
      }
    }
  }

  async function agree(people: Person[], own: ParleyClient[], groupId: string): Promise<void> {
    for (const [index, { id }] of people.entries()) {
      const client = own[index] as ParleyClient;
      const others = people.filter((one) => one.id !== id);
      for (const conversationId of [
        groupId,
        ...others.map((one) => [id, one.id].sort().join('-')),
      ]) {
        await eventually(async () => {
          const truth = await truthOf(conversationId, id);
          if (truth === undefined) {
            expect(client.messages.positions()).not.toHaveProperty(conversationId);
            return;
          }
          expect(truth.head).toMatchObject({ last: { seq: truth.last }, rev: truth.lastRev });
          if (truth.last > 0) await client.loadFrom(conversationId, 1);
          const { messages, unread, mentions } = truth;
          expect(viewOf(client, conversationId)).toEqual({ messages, unread, mentions });
          if (conversationId !== groupId) return;
          for (const { url } of cluster.servers) {
            const path = `/api/groups/${groupId}`;
            const { body } = await call<Group>(url, 'GET', path, { as: people[index] as Person });
            expect(body).toMatchObject({ unreadCount: unread, mentionCount: mentions });
            expect(body.mentionSeqs).toHaveLength(mentions);
          }
        });
      }
    }
  }

  it(`agree after each of ${RUNS} scripts`, { timeout: 900_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(script, async (made) => {
        try {
          await play(made);
        } finally {
          redis.restore();
          for (const client of clients.splice(0)) client.stop();
        }
      }),
      { numRuns: RUNS, seed: SEED, interruptAfterTimeLimit: 800_000, markInterruptAsFailure: true },
    );
  });
});
