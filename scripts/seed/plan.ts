/**
 * Who there is and who talks with whom, before anybody has written. Everything follows from the
 * arguments, so that the same ones make the same data, ids and times included.
 */
import { directConversationId } from '../../src/features/conversations/conversation-id.ts';
import type { GroupRecord } from '../../src/features/groups/groups.store.ts';
import { markerOf } from '../../src/features/users/seeded.ts';
import { prefixesOf, type UserRecord } from '../../src/features/users/users.store.ts';
import { limits } from '../../src/protocol/limits.ts';
import { idAt } from './ids.ts';
import { createRandom, createSampler, type Random, zipfWeights } from './random.ts';
import { zipfPicker } from './texts.ts';
import { beginningOf } from './timeline.ts';
import { familyNames, givenNames, places, topics } from './words.ts';

/** What a seed is made from; stored, and compared at the next run. */
export interface SeedArguments {
  /** Keeps seeds apart: their ids and e-mail addresses have it in them. */
  name: string;
  users: number;
  groups: number;
  messages: number;
  /** After the last message; ISO 8601. */
  until: string;
}

export interface PlannedConversation {
  _id: string;
  kind: 'direct' | 'group';
  memberIds: string[];
}

export interface SeedPlan {
  marker: string;
  users: UserRecord[];
  groups: GroupRecord[];
  conversations: PlannedConversation[];
  /** How much is written in each conversation, in their order. */
  weights: number[];
}

const DAY_MS = 24 * 60 * 60_000;
/** Accounts and groups are older than the first message. */
const SIGN_UP_DAYS = 60;
/** How many people each knows, in the mean; some know far more. */
const CONTACTS = 16;
const GROUP_MEMBERS_MAX = Math.min(300, limits.groupMembers);
/** Of all messages so much is written in groups, where there are any. */
const GROUP_SHARE = 0.4;
/** How soon conversations become quiet: the n-th has 1/n^exponent of the first one's messages. */
const CONVERSATION_EXPONENT = 0.9;

/** @param passwordHash of the password that all of them have */
export function createPlan(given: SeedArguments, passwordHash: string): SeedPlan {
  const random = createRandom(`${given.name} people`);
  const marker = markerOf(given.name);
  const users = createUsers(given, marker, passwordHash, random);
  const userIds = users.map(({ _id }) => _id);
  const groups = createGroups(given, marker, random);
  const inGroups = groups.map(
    ({ _id }): PlannedConversation => ({ _id, kind: 'group', memberIds: crowd(userIds, random) }),
  );
  const direct = createPairs(userIds, random);
  const groupShare = inGroups.length === 0 ? 0 : direct.length === 0 ? 1 : GROUP_SHARE;
  return {
    marker,
    users,
    groups,
    conversations: [...inGroups, ...direct],
    weights: [...shares(inGroups.length, groupShare), ...shares(direct.length, 1 - groupShare)],
  };
}

function createUsers(
  { name, users, until }: SeedArguments,
  marker: string,
  passwordHash: string,
  random: Random,
): UserRecord[] {
  const given = zipfPicker(givenNames);
  const family = zipfPicker(familyNames);
  const begin = beginningOf(new Date(until)).getTime() - SIGN_UP_DAYS * DAY_MS;
  return Array.from({ length: users }, (_, index) => {
    const fullName = `${given(random)} ${family(random)}`;
    const createdAt = begin + Math.floor(((index + random.next()) / users) * SIGN_UP_DAYS * DAY_MS);
    const lastSeenAt = new Date(
      new Date(until).getTime() - Math.floor(random.next() ** 3 * 30 * DAY_MS),
    );
    return {
      _id: idAt(marker, createdAt, index),
      fullName,
      email: `${mailbox(fullName)}.${index + 1}@${name}.example.org`,
      passwordHash,
      profilePic: '',
      prefixes: prefixesOf(fullName),
      createdAt: new Date(createdAt),
      lastSeenAt,
      // Going offline was the last that changed.
      changedAt: lastSeenAt,
    };
  });
}

/** "Björn Dvořák" writes from bjorn.dvorak. */
const mailbox = (fullName: string): string =>
  fullName
    .normalize('NFKD')
    .replace(/[^\w ]/g, '')
    .toLowerCase()
    .replaceAll(' ', '.');

function createGroups(
  { users, groups, until }: SeedArguments,
  marker: string,
  random: Random,
): GroupRecord[] {
  const end = beginningOf(new Date(until)).getTime();
  return Array.from({ length: groups }, (_, index) => {
    const topic = random.pick(topics);
    const place = random.pick(places);
    const createdAt = end - Math.floor((1 - index / groups) * 20 * DAY_MS);
    return {
      _id: idAt(marker, createdAt, users + index),
      name: `${topic} ${place}`,
      description: random.below(3) === 0 ? `All about ${topic.toLowerCase()} in ${place}` : '',
      groupPic: '',
      history: 'all',
      createdAt: new Date(createdAt),
      updatedAt: new Date(createdAt),
    };
  });
}

/** Mostly small groups, and a few with hundreds of members. */
function crowd(userIds: string[], random: Random): string[] {
  const least = Math.min(3, userIds.length);
  const most = Math.min(GROUP_MEMBERS_MAX, userIds.length);
  const size = least + Math.floor((most - least) * random.next() ** 4);
  const members = new Set<string>();
  while (members.size < size) members.add(random.pick(userIds));
  return [...members];
}

/** Some people know many, most a few; everybody knows somebody. */
function createPairs(userIds: string[], random: Random): PlannedConversation[] {
  const count = userIds.length;
  const possible = (count * (count - 1)) / 2;
  const wanted = Math.min(possible, Math.ceil((count * CONTACTS) / 2));
  const pairs = new Map<string, PlannedConversation>();
  const meet = (a: string, b: string): void => {
    if (a === b) return;
    const _id = directConversationId(a, b);
    if (!pairs.has(_id)) pairs.set(_id, { _id, kind: 'direct', memberIds: [a, b] });
  };
  if (wanted === possible) {
    for (const [index, a] of userIds.entries()) {
      for (const b of userIds.slice(index + 1)) meet(a, b);
    }
  } else {
    for (const [index, a] of userIds.entries()) meet(a, userIds[(index + 1) % count] as string);
    const popular = createSampler(zipfWeights(count, 0.5));
    while (pairs.size < wanted) meet(userIds[popular(random)] as string, random.pick(userIds));
  }
  return shuffled([...pairs.values()], random);
}

function shuffled<T>(list: T[], random: Random): T[] {
  for (let last = list.length - 1; last > 0; last--) {
    const other = random.below(last + 1);
    [list[last], list[other]] = [list[other] as T, list[last] as T];
  }
  return list;
}

function shares(count: number, total: number): number[] {
  const weights = zipfWeights(count, CONVERSATION_EXPONENT);
  const sum = weights.reduce((so, weight) => so + weight, 0);
  return weights.map((weight) => (weight / sum) * total);
}
