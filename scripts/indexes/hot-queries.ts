/**
 * The queries on the way of requests, as the stores really issue them: each is run once on a
 * connection that is listened to, and the command it sent is what is explained and timed. None
 * of them changes anything, so that they may be explained on a live system, too.
 */
import mongoose, { type Connection, type mongo } from 'mongoose';
import { createSessionStore, sessionModel } from '../../src/features/auth/sessions.store.ts';
import { directPartners } from '../../src/features/conversations/conversation-id.ts';
import {
  conversationModel,
  createConversationStore,
  membershipModel,
} from '../../src/features/conversations/conversations.store.ts';
import { createGroupStore, groupModel } from '../../src/features/groups/groups.store.ts';
import {
  createMessageStore,
  type LastMessageRef,
  messageModel,
} from '../../src/features/messages/messages.store.ts';
import { createSearchStore, type Scope } from '../../src/features/search/search.store.ts';
import { sentBy, termsOf } from '../../src/features/search/terms.ts';
import { createUserStore, userModel, wordsOf } from '../../src/features/users/users.store.ts';
import { withoutCaches } from '../../src/infra/cache.ts';
import { firstIdAt } from '../../src/infra/mongo.ts';
import { limits } from '../../src/protocol/limits.ts';

/** A query as it went to the database. */
export interface HotQuery {
  name: string;
  /** The command as the driver sent it, without what belongs to its session. */
  command: mongo.Document;
  /** How many documents it may examine beside those that it returns. */
  allowance: number;
}

/** What the queries are about: the fullest conversations and groups, and who is in them. */
interface Sample {
  userId: string;
  /** Someone in the middle of all, so that whoever reads from the beginning reads half of them. */
  someoneId: string;
  email: string;
  /** A membership, in the middle likewise. */
  member: { userId: string; conversationId: string };
  name: { fullName: string; _id: string };
  conversationId: string;
  /** Half of its messages. */
  depth: number;
  groupId: string;
  partnerIds: string[];
  conversationIds: string[];
  sessionId: string;
  lastMessages: LastMessageRef[];
  identity: { conversationId: string; senderId: string; clientId: string };
  movedAt: Date;
  /** Words of the fullest conversation's last message, the longest first. */
  words: string[];
}

interface Stores {
  users: ReturnType<typeof createUserStore>;
  sessions: ReturnType<typeof createSessionStore>;
  conversations: ReturnType<typeof createConversationStore>;
  groups: ReturnType<typeof createGroupStore>;
  messages: ReturnType<typeof createMessageStore>;
  search: ReturnType<typeof createSearchStore>;
}

type Run = (stores: Stores, sample: Sample) => Promise<unknown>;

/** Name, what issues it, and how many documents beside the returned ones it may examine. */
const queries: [string, Run, number?][] = [
  ['login: user by e-mail', ({ users }, { email }) => users.findByEmail(email)],
  ['request: session by id', ({ sessions }, { sessionId }) => sessions.find(sessionId)],
  ['sessions of a user', ({ sessions }, { someoneId }) => sessions.listOf(someoneId)],
  ['user by id', ({ users }, { someoneId }) => users.find(someoneId)],
  ['users by ids', ({ users }, { partnerIds }) => users.findMany(partnerIds)],
  [
    'directory: one letter',
    ({ users }, { name }) => users.search([firstWord(name.fullName).slice(0, 1)], undefined, 21),
  ],
  [
    'directory: a word',
    ({ users }, { name }) => users.search([firstWord(name.fullName)], undefined, 21),
  ],
  [
    'directory: next page',
    ({ users }, { name }) => users.search([firstWord(name.fullName).slice(0, 1)], name, 21),
    1,
  ],
  [
    'sidebar: everybody by name',
    ({ users }, { partnerIds }) => users.listByName(partnerIds, 100),
    // Those that are left out stand in the index, too.
    limits.pageMax,
  ],
  [
    'sidebar: memberships',
    ({ conversations }, { userId }) => conversations.membershipsOf([userId]),
  ],
  [
    'sidebar: heads',
    ({ conversations }, { conversationIds, userId }) =>
      conversations.heads(conversationIds, userId),
  ],
  [
    'sidebar: last messages',
    ({ messages }, { lastMessages }) => messages.lastMessages(lastMessages),
  ],
  [
    'access: one membership',
    ({ conversations }, { member }) =>
      conversations.membership(member.userId, member.conversationId),
  ],
  ['members of a group', ({ conversations }, { groupId }) => conversations.members(groupId)],
  [
    'members of groups',
    ({ conversations }, { conversationIds }) =>
      conversations.membersOfMany(conversationIds.filter((id) => directPartners(id) === undefined)),
  ],
  [
    'mentions: members among the named',
    ({ conversations }, { groupId, someoneId, userId }) =>
      conversations.membersAmong(groupId, [someoneId, userId]),
  ],
  [
    'mentions: unread ones in groups',
    ({ messages }, { conversationIds, userId }) =>
      messages.unreadMentions(
        userId,
        conversationIds
          .filter((id) => directPartners(id) === undefined)
          .map((_id) => ({
            ...{ _id, readSeq: 0, seq: Number.MAX_SAFE_INTEGER, rev: 0, lastId: '' },
          })),
      ),
  ],
  ['groups by ids', ({ groups }, { groupId }) => groups.findMany([groupId])],
  [
    'reading position',
    // Behind where it is, so that nothing moves.
    ({ conversations }, { userId, groupId }) => conversations.advanceRead(userId, groupId, 0),
    1,
  ],
  [
    'position of what was received',
    // Behind what was read, so that nothing moves.
    ({ conversations }, { userId, groupId }) =>
      conversations.advanceDelivered(userId, [{ conversationId: groupId, seq: 0 }]),
    1,
  ],
  [
    'heads that moved',
    ({ conversations }, { movedAt }) => conversations.changedWithin(movedAt, new Date(), 50),
  ],
  [
    'heads as they are',
    ({ conversations }, { conversationIds }) => conversations.wholeHeads(conversationIds),
  ],
  [
    'reading positions that moved',
    ({ conversations }, { movedAt }) => conversations.lookForReads(movedAt, new Date(), 50),
  ],
  ['newest move of a reading position', ({ conversations }) => conversations.latestRead()],
  [
    'profiles that changed',
    ({ users }, { movedAt }) => users.lookForChanges(movedAt, new Date(), 50),
  ],
  ['newest change of a profile', ({ users }) => users.latestChange()],
  ['newest move of a head', ({ conversations }) => conversations.latestChange()],
  [
    'heads follow a batch',
    // Of no conversation at all, so that nothing moves.
    ({ conversations }) =>
      conversations.advanceHeads([
        { conversationId: '', rev: 0, seq: 1, lastId: '', at: new Date(0), sent: new Map() },
      ]),
  ],
  [
    'history: newest page',
    ({ messages }, { conversationId }) =>
      messages.newestBefore(conversationId, Number.MAX_SAFE_INTEGER, 0, limits.pageDefault + 1),
  ],
  [
    'history: in the middle',
    ({ messages }, { conversationId, depth }) =>
      messages.newestBefore(conversationId, depth, 0, limits.pageDefault + 1),
  ],
  [
    'sync: what follows',
    ({ messages }, { conversationId, depth }) =>
      messages.from(conversationId, depth, limits.syncMessages),
  ],
  [
    'sync: what was changed',
    ({ messages }, { conversationId }) =>
      messages.changedSince(conversationId, 0, 0, limits.syncMessages),
  ],
  [
    'change: message by id',
    ({ messages }, { lastMessages }) => messages.find(lastMessages[0]?.lastId ?? ''),
  ],
  [
    'change: from whom it is hidden',
    ({ conversations }, { groupId, depth }) => conversations.membersSince(groupId, depth),
  ],
  ['last change', ({ messages }, { conversationId }) => messages.lastRev(conversationId)],
  ['last number', ({ messages }, { conversationId }) => messages.lastSeq(conversationId)],
  ['retry: by clientId', ({ messages }, { identity }) => messages.findByIdentity([identity])],
  ['newest message of all', ({ messages }) => messages.newestAt()],
  ['newest change of all', ({ messages }) => messages.newestChangeAt()],
  [
    'search: a word',
    ({ search }, { conversationIds, words }) =>
      search.newest(seenWhole(conversationIds), words[0] ?? '', {}, limits.searchDefault + 1),
  ],
  [
    'search: a word within a time',
    ({ search }, { conversationIds, words, lastMessages }) =>
      search.newest(
        seenWhole(conversationIds),
        words[0] ?? '',
        { from: firstIdAt(new Date(0)), below: lastMessages[0]?.lastId ?? '' },
        limits.searchDefault + 1,
      ),
  ],
  [
    'search: from a person',
    ({ search }, { conversationIds, userId }) =>
      search.newest(seenWhole(conversationIds), sentBy(userId), {}, limits.searchDefault + 1),
  ],
  [
    'search: seen since joining',
    ({ search }, { conversationIds, words }) =>
      search.newest(
        {
          whole: [],
          partial: conversationIds
            .slice(0, 50)
            .map((id) => ({ id, fromSeq: 1, joinedAt: new Date(0) })),
        },
        words[0] ?? '',
        {},
        limits.searchDefault + 1,
      ),
    // Which messages are hidden, only the documents tell: one of each conversation.
    50,
  ],
  [
    'search: two words',
    ({ search }, { conversationIds, words }) =>
      search.newestHaving(seenWhole(conversationIds), words[0] ?? '', {}, 300, {
        terms: words.slice(1, 2),
        prefixes: [],
      }),
    // Whether they have the other word, only the documents tell.
    300,
  ],
  [
    'search: a beginning',
    ({ search }, { conversationIds, words }) =>
      search.beginning(seenWhole(conversationIds), (words[0] ?? '').slice(0, 3), {}, 1_000),
  ],
  [
    'search: which have the other words',
    ({ search }, { lastMessages, words }) =>
      search.having(
        lastMessages.map(({ lastId }) => lastId),
        { terms: words.slice(0, 1), prefixes: [(words[1] ?? '').slice(0, 2)] },
      ),
    // All that were named.
    limits.pageMax,
  ],
  [
    'search: messages by ids',
    ({ messages }, { lastMessages }) => messages.findMany(lastMessages.map(({ lastId }) => lastId)),
  ],
  [
    'terms: messages from an id on',
    ({ messages }, { lastMessages }) => messages.storedFrom(lastMessages[0]?.lastId ?? '', 100),
  ],
  ['terms: changes since', ({ messages }, { movedAt }) => messages.changedFrom(movedAt, 100)],
  [
    'terms: which are there',
    ({ search }, { lastMessages }) => search.revs(lastMessages.map(({ lastId }) => lastId)),
  ],
];

const seenWhole = (whole: string[]): Scope => ({ whole, partial: [] });
const firstWord = (name: string): string => wordsOf(name)[0] ?? '';

/**
 * Runs every hot query once and gives what went to the database.
 * @throws Error when there is no data to ask about, or a query issued no command of its own.
 */
export async function captureHotQueries(uri: string): Promise<HotQuery[]> {
  const connection = mongoose.createConnection(uri, {
    monitorCommands: true,
    autoIndex: false,
    autoCreate: false,
    serverSelectionTimeoutMS: 5_000,
  });
  try {
    await connection.asPromise();
    const stores: Stores = {
      users: createUserStore(connection, withoutCaches()),
      sessions: createSessionStore(connection),
      conversations: createConversationStore(connection, withoutCaches()),
      groups: createGroupStore(connection),
      messages: createMessageStore(connection, withoutCaches()),
      search: createSearchStore(connection),
    };
    const sample = await takeSample(connection);
    const captured: HotQuery[] = [];
    for (const [name, run, allowance = 0] of queries) {
      const command = await capture(connection, () => run(stores, sample));
      if (command === undefined) throw new Error(`"${name}" did not ask the database`);
      captured.push({ name, command, allowance });
    }
    return captured;
  } finally {
    await connection.close();
  }
}

/** The first command that `work` sends. */
async function capture(
  connection: Connection,
  work: () => Promise<unknown>,
): Promise<mongo.Document | undefined> {
  const sent: mongo.Document[] = [];
  const listener = ({ command, commandName }: mongo.CommandStartedEvent): void => {
    if (['find', 'aggregate', 'update'].includes(commandName)) sent.push(command);
  };
  const client = connection.getClient();
  client.on('commandStarted', listener);
  try {
    await work();
  } finally {
    client.off('commandStarted', listener);
  }
  const [first] = sent;
  if (first === undefined) return undefined;
  const { lsid, $db, $clusterTime, txnNumber, writeConcern, readConcern, ...command } = first;
  return command;
}

const firstOf = <T>(found: T | null | undefined, what: string): T => {
  if (found === null || found === undefined) {
    throw new Error(`There are no ${what} to ask about: npm run seed makes some.`);
  }
  return found;
};

async function takeSample(connection: Connection): Promise<Sample> {
  const fullest = (kind: 'direct' | 'group') =>
    conversationModel(connection).findOne({ kind }).sort({ 'last.seq': -1 }).lean().exec();
  const direct = firstOf(await fullest('direct'), 'direct conversations');
  const group = firstOf(await fullest('group'), 'groups');
  const memberships = membershipModel(connection);
  const members = await memberships.find({ conversationId: group._id }).limit(100).lean().exec();
  // Of its members the one who is in most conversations.
  const userIds = members.map(({ userId }) => userId);
  const counts = await memberships.aggregate<{ _id: string }>([
    { $match: { userId: { $in: userIds } } },
    { $sortByCount: '$userId' },
    { $limit: 1 },
  ]);
  const userId = firstOf(counts[0], 'members of groups')._id;
  const own = await memberships.find({ userId }).limit(limits.pageMax).lean().exec();
  const conversationIds = own.map(({ conversationId }) => conversationId);
  const users = userModel(connection);
  const middle = Math.floor((await memberships.estimatedDocumentCount()) / 2);
  const member = await memberships.findOne().sort({ _id: 1 }).skip(middle).lean().exec();
  const user = firstOf(await users.findById(userId).lean().exec(), 'users');
  const half = Math.floor((await users.estimatedDocumentCount()) / 2);
  const someone = firstOf(await users.findOne().sort({ _id: 1 }).skip(half).lean().exec(), 'users');
  const session = await sessionModel(connection).findOne({ userId: someone._id }).lean().exec();
  const large = direct.last.seq > group.last.seq ? direct : group;
  const message = await messageModel(connection)
    .findOne({ conversationId: large._id, seq: large.last.seq })
    .lean()
    .exec();
  const { conversationId, senderId, clientId, text } = firstOf(message, 'messages');
  const heads = await conversationModel(connection)
    .find({ _id: { $in: conversationIds } })
    .lean()
    .exec();
  return {
    userId,
    someoneId: someone._id,
    email: someone.email,
    member: firstOf(member, 'memberships'),
    name: { fullName: user.fullName, _id: user._id },
    conversationId: large._id,
    depth: Math.max(1, Math.floor(large.last.seq / 2)),
    groupId: firstOf(await groupModel(connection).findById(group._id).lean().exec(), 'groups')._id,
    partnerIds: conversationIds.flatMap(
      (id) => directPartners(id)?.filter((partner) => partner !== userId) ?? [],
    ),
    conversationIds,
    sessionId: firstOf(session, 'sessions')._id,
    lastMessages: heads
      .filter(({ last }) => last.id !== '')
      .map(({ _id, last, rev }) => ({ conversationId: _id, lastId: last.id, rev })),
    identity: { conversationId, senderId, clientId },
    movedAt: firstOf(large.headAt, 'heads'),
    words: termsOf(text).sort((a, b) => b.length - a.length),
  };
}
