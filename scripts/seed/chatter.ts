/**
 * What is written: messages in the order of time, over all conversations, in bursts, as people
 * answer each other. Counted along the way is what the server derives from messages: where each
 * conversation stands, and each sender's own last message.
 */
import type {
  ConversationRecord,
  MembershipRecord,
} from '../../src/features/conversations/conversations.store.ts';
import { contentHash } from '../../src/features/messages/messages.service.ts';
import type { MessageRecord } from '../../src/features/messages/messages.store.ts';
import { EVERYONE, mentionToken } from '../../src/protocol/mentions.ts';
import { idAt } from './ids.ts';
import type { PlannedConversation, SeedArguments, SeedPlan } from './plan.ts';
import { createRandom, createSampler, type Random } from './random.ts';
import { createTexts } from './texts.ts';
import { createTimeline } from './timeline.ts';

/** Conversations that go on at the same time, and how often one of them has the next message. */
const AT_ONCE = 12;
const STAYS = 0.8;
/** How often the next message is the same person's, too. */
const SAME_SENDER = 0.35;
/** How often a message of a group names a member, and how often it names all. */
const NAMES_ONE = 0.04;
const NAMES_ALL = 0.004;
/** How many members have read everything. */
const ALL_READ = 0.6;

interface State {
  conversation: PlannedConversation;
  seq: number;
  lastId: string;
  firstAt: Date;
  lastAt: Date;
  lastSender: number;
  sent: Record<string, number>;
}

export interface Chatter {
  messages(): Generator<MessageRecord>;
  /** Where they stand after the last message; direct ones only when somebody wrote. */
  conversations(): Generator<ConversationRecord>;
  memberships(): Generator<MembershipRecord>;
}

export function createChatter(given: SeedArguments, plan: SeedPlan): Chatter {
  const random = createRandom(`${given.name} messages`);
  const states = plan.conversations.map((conversation): State => {
    const unset = new Date(0);
    return {
      ...{ conversation, seq: 0, lastId: '', firstAt: unset, lastAt: unset },
      ...{ lastSender: 0, sent: {} },
    };
  });

  function* messages(): Generator<MessageRecord> {
    const next = conversationPicker(states, plan.weights, random);
    const timeAt = createTimeline(new Date(given.until), given.messages, random);
    const text = createTexts(random);
    const chance = createRandom(`${given.name} mentions`);
    for (let number = 0; number < given.messages; number++) {
      const at = timeAt(number);
      const state = next();
      const message = write(state, idAt(plan.marker, at, number), new Date(at), text(), random);
      yield naming(message, state.conversation, chance);
    }
  }

  const groupCreatedAt = new Map(plan.groups.map(({ _id, createdAt }) => [_id, createdAt]));
  const beganAt = ({ conversation, firstAt }: State): Date =>
    groupCreatedAt.get(conversation._id) ?? firstAt;
  const existing = (): State[] =>
    states.filter(({ conversation, seq }) => conversation.kind === 'group' || seq > 0);

  function* conversations(): Generator<ConversationRecord> {
    for (const state of existing()) {
      const { conversation, seq, lastId, lastAt, sent } = state;
      yield {
        _id: conversation._id,
        kind: conversation.kind,
        last: seq === 0 ? { seq, id: '' } : { seq, id: lastId, at: lastAt },
        rev: 0,
        headAt: seq === 0 ? null : lastAt,
        sent,
        membersVersion: 0,
        createdAt: beganAt(state),
      };
    }
  }

  function* memberships(): Generator<MembershipRecord> {
    const chance = createRandom(`${given.name} reading`);
    let number = plan.users.length + plan.groups.length;
    for (const state of existing()) {
      const { conversation, seq } = state;
      const joinedAt = beganAt(state);
      for (const [index, userId] of conversation.memberIds.entries()) {
        const unread = chance.next() < ALL_READ ? 0 : Math.floor(20 * chance.next() ** 3) + 1;
        const readSeq = Math.max(0, seq - unread);
        yield {
          _id: idAt(plan.marker, joinedAt.getTime(), number++),
          conversationId: conversation._id,
          userId,
          role: conversation.kind === 'group' && index === 0 ? 'admin' : 'member',
          joinedAt,
          fromSeq: 0,
          readSeq,
          ...(readSeq === 0 ? {} : { readAt: state.lastAt }),
        };
      }
    }
  }

  return { messages, conversations, memberships };
}

function conversationPicker(states: State[], weights: number[], random: Random): () => State {
  const sample = createSampler(weights);
  const fresh = (): State => states[sample(random)] as State;
  const active = Array.from({ length: AT_ONCE }, fresh);
  return () => {
    const place = random.below(AT_ONCE);
    if (random.next() >= STAYS) active[place] = fresh();
    return active[place] as State;
  };
}

function write(state: State, _id: string, at: Date, text: string, random: Random): MessageRecord {
  const { _id: conversationId, memberIds } = state.conversation;
  if (state.seq === 0) state.firstAt = at;
  if (state.seq === 0 || random.next() >= SAME_SENDER) {
    state.lastSender = nextSender(state, random);
  }
  const senderId = memberIds[state.lastSender] as string;
  state.seq++;
  state.lastId = _id;
  state.lastAt = at;
  state.sent[senderId] = state.seq;
  return {
    _id,
    conversationId,
    seq: state.seq,
    senderId,
    clientId: `${random.hex()}-${random.hex()}-${random.hex()}${random.hex()}`,
    text,
    contentHash: contentHash({ text }),
    rev: 0,
    createdAt: at,
    updatedAt: at,
  };
}

/** In groups now and then with somebody's name before it, or everybody's. */
function naming(
  message: MessageRecord,
  { kind, memberIds }: PlannedConversation,
  random: Random,
): MessageRecord {
  if (kind === 'direct') return message;
  const chance = random.next();
  if (chance >= NAMES_ONE + NAMES_ALL) return message;
  const id = chance < NAMES_ALL ? EVERYONE : random.pick(memberIds);
  if (id === message.senderId) return message;
  const text = `${mentionToken(id)} ${message.text}`;
  return { ...message, text, mentions: [id], contentHash: contentHash({ text }) };
}

/** Of two people the other one; in a group a few write most. */
function nextSender({ conversation, seq, lastSender }: State, random: Random): number {
  const { length } = conversation.memberIds;
  if (length === 2 && seq > 0) return 1 - lastSender;
  return Math.floor(length * random.next() ** 2);
}
