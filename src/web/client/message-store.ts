/**
 * All conversations of one person, as this client knows them. Whatever brings a message (a page
 * of history, an acknowledgement, a live event, a sync) hands it in here, in any order and as
 * often as it likes; what is shown comes out sorted, once, and without holes.
 */
import type {
  ConversationChanges,
  ConversationHead,
  Message,
  Position,
  ReadPosition,
  ReplyReference,
} from '../../protocol/types.ts';
import { ConversationLog } from './conversation-log.ts';
import { Emitter } from './emitter.ts';
import { type MentionSeed, UnreadMentions } from './unread-mentions.ts';

/** One conversation, to be shown. The object stays the same until something in it changes. */
export interface ConversationView {
  /** Without holes, ascending; own messages that wait for earlier ones stand at the end. */
  messages: readonly Message[];
  /** Whether there is nothing older. */
  atStart: boolean;
  /** Whether enough was loaded to show the conversation. */
  ready: boolean;
}

/** One conversation, as the sidebar needs it. */
export interface Summary {
  last: Message | undefined;
  unread: number;
  /** Of them those that name oneself or all. */
  mentions: number;
  readSeq: number;
}

/** What a list from the server says about one conversation. */
export interface Seed {
  conversationId: string;
  lastMessage?: Message;
  readSeq: number;
  /** Every change up to it is in `lastMessage`. */
  rev: number;
  /** Which unread messages name oneself or all; absent where the list does not say. */
  mentions?: Omit<MentionSeed, 'rev'>;
}

/** Of all conversations; the oldest are asked for again when they are shown. */
const QUOTED_MESSAGES = 1_000;

const nothing: ConversationView = { messages: [], atStart: false, ready: false };

export class MessageStore {
  readonly changed = new Emitter();
  /** Something is missing or does not fit: time for a sync. */
  readonly behind = new Emitter();
  /** A message came that was not known before. */
  readonly arrived = new Emitter<Message>();
  readonly #ownId: string;
  readonly #logs = new Map<string, ConversationLog>();
  readonly #readSeqs = new Map<string, number>();
  readonly #headSeqs = new Map<string, number>();
  readonly #mentions = new Map<string, UnreadMentions>();
  /** Messages that are quoted and not in the window of their conversation, by id. */
  readonly #quoted = new Map<string, Message>();
  readonly #views = new Map<string, ConversationView>();
  #summaries: ReadonlyMap<string, Summary> = new Map();

  constructor(ownId: string) {
    this.#ownId = ownId;
  }

  view(conversationId: string): ConversationView {
    const known = this.#views.get(conversationId);
    if (known) return known;
    const log = this.#logs.get(conversationId);
    if (!log) return nothing;
    const waiting = log.aside.filter((message) => message.senderId === this.#ownId);
    const view = {
      messages: waiting.length === 0 ? log.messages : [...log.messages, ...waiting],
      atStart: log.atStart,
      ready: log.paged,
    };
    this.#views.set(conversationId, view);
    return view;
  }

  /** Every conversation with something to tell. A new map after each change. */
  summaries = (): ReadonlyMap<string, Summary> => this.#summaries;

  /** Number of the oldest message held. */
  firstSeq(conversationId: string): number | undefined {
    return this.#logs.get(conversationId)?.firstSeq;
  }

  lastSeq(conversationId: string): number {
    return this.#logs.get(conversationId)?.lastSeq ?? 0;
  }

  readSeq(conversationId: string): number {
    return this.#readSeqs.get(conversationId) ?? 0;
  }

  /** How far every conversation is known: the question of a sync. */
  positions(): Record<string, Position> {
    const known = [...this.#logs].filter(([id, log]) => log.lastSeq > 0 || !id.includes('-'));
    return Object.fromEntries(known.map(([id, log]) => [id, log.position]));
  }

  /** Takes in what the lists of people and groups say. */
  seed(seeds: readonly Seed[]): void {
    for (const { conversationId, lastMessage, readSeq, rev, mentions } of seeds) {
      // A group exists without a message too, and a sync has to know that it is known.
      if (lastMessage || !conversationId.includes('-')) {
        const isNew = !this.#logs.has(conversationId);
        const log = this.#log(conversationId);
        if (lastMessage) this.#take(log, lastMessage);
        // What was held before the list was read may lack changes that the list counts.
        if (isNew) log.caughtUpTo(rev);
      }
      this.#raiseRead(conversationId, readSeq);
      if (mentions) {
        const known = this.#mentionsIn(conversationId);
        known.seed({ ...mentions, rev }, this.readSeq(conversationId));
      }
      this.#views.delete(conversationId);
    }
    this.#publish();
  }

  /** A live message, or the stored copy of an own one. */
  receive(message: Message): void {
    const isNew = message.seq > this.lastSeq(message.conversationId);
    this.#take(this.#log(message.conversationId), message);
    this.#publish(message.conversationId);
    if (isNew) this.arrived.emit(message);
  }

  /** How a message became, told live or as an answer. Of an unknown conversation the lists tell. */
  receiveChange(message: Message): void {
    const log = this.#logs.get(message.conversationId);
    if (!log) return;
    this.#refreshQuoted(message);
    this.#heed(message);
    const receipt = log.change(message);
    if (receipt === 'gap' || receipt === 'mismatch') this.behind.emit();
    this.#publish(message.conversationId);
  }

  /** The message that another one answers, where it is known. */
  quoted(conversationId: string, { _id, seq }: ReplyReference): Message | undefined {
    const log = this.#logs.get(conversationId);
    const held = log?.messages[seq - (log.firstSeq ?? 0)];
    return held?._id === _id ? held : this.#quoted.get(_id);
  }

  /** Keeps a message that is quoted. It may have been read before a change that was told. */
  addQuoted(read: Message): void {
    const message = this.#logs.get(read.conversationId)?.asChanged(read) ?? read;
    const known = this.#quoted.get(message._id);
    if (known !== undefined && known.rev >= message.rev) return;
    this.#quoted.set(message._id, message);
    const [oldest] = this.#quoted.keys();
    if (this.#quoted.size > QUOTED_MESSAGES && oldest !== undefined) this.#quoted.delete(oldest);
    this.#publish();
  }

  addPage(conversationId: string, page: readonly Message[], hasOlder: boolean): void {
    this.#log(conversationId).addPage(page, hasOlder);
    for (const message of page) this.#heed(message);
    this.#publish(conversationId);
  }

  /** One conversation's part of a sync. */
  applyChanges(changes: ConversationChanges): void {
    const { conversationId, messages, upTo } = changes;
    const before = this.lastSeq(conversationId);
    const log = this.#log(conversationId);
    if (changes.reset) this.#mentions.delete(conversationId);
    if (changes.reset || log.messages.length === 0) log.reset(messages, upTo.rev);
    else {
      for (const message of messages) this.#take(log, message);
      log.caughtUpTo(upTo.rev);
    }
    for (const message of messages) this.#heed(message);
    this.#publish(conversationId);
    if (changes.reset) return;
    for (const message of messages) if (message.seq > before) this.arrived.emit(message);
  }

  /** Compares with what the server has; says so where this client is behind. */
  noteHeads(heads: readonly ConversationHead[]): void {
    const isBehind = heads.some((head) => {
      this.#headSeqs.set(head.conversationId, head.seq);
      const mine = this.#logs.get(head.conversationId)?.position;
      if (!mine) return head.seq > 0;
      if (mine.seq < head.seq || mine.rev < head.rev) return true;
      return mine.seq === head.seq && head.lastId !== '' && mine.lastId !== head.lastId;
    });
    this.#publish();
    if (isBehind) this.behind.emit();
  }

  noteRead({ conversationId, seq, userId }: ReadPosition): void {
    if (userId !== this.#ownId || !this.#raiseRead(conversationId, seq)) return;
    this.#publish();
  }

  forget(conversationId: string): void {
    const maps = [this.#logs, this.#readSeqs, this.#headSeqs, this.#mentions, this.#views];
    for (const map of maps) map.delete(conversationId);
    for (const [id, message] of this.#quoted) {
      if (message.conversationId === conversationId) this.#quoted.delete(id);
    }
    this.#publish();
  }

  #log(conversationId: string): ConversationLog {
    const known = this.#logs.get(conversationId);
    if (known) return known;
    const log = new ConversationLog();
    this.#logs.set(conversationId, log);
    return log;
  }

  #refreshQuoted(message: Message): void {
    const known = this.#quoted.get(message._id);
    if (known !== undefined && known.rev < message.rev) this.#quoted.set(message._id, message);
  }

  #take(log: ConversationLog, message: Message): void {
    this.#refreshQuoted(message);
    const receipt = log.receive(message);
    this.#heed(message);
    if (receipt === 'gap' || receipt === 'mismatch') this.behind.emit();
  }

  /** What a message says of what is unread. */
  #heed(message: Message): void {
    const { conversationId, senderId, seq } = message;
    // Sending reads everything up to one's own message; the server counts so too.
    if (senderId === this.#ownId) this.#raiseRead(conversationId, seq);
    if (seq > this.readSeq(conversationId)) this.#mentionsIn(conversationId).note(message);
  }

  #mentionsIn(conversationId: string): UnreadMentions {
    const known = this.#mentions.get(conversationId) ?? new UnreadMentions(this.#ownId);
    this.#mentions.set(conversationId, known);
    return known;
  }

  #raiseRead(conversationId: string, seq: number): boolean {
    if (seq <= this.readSeq(conversationId)) return false;
    this.#readSeqs.set(conversationId, seq);
    this.#mentions.get(conversationId)?.readUpTo(seq);
    return true;
  }

  #publish(conversationId?: string): void {
    if (conversationId !== undefined) this.#views.delete(conversationId);
    const summaries = new Map<string, Summary>();
    for (const [id, log] of this.#logs) {
      const readSeq = this.readSeq(id);
      const head = Math.max(log.lastSeq, this.#headSeqs.get(id) ?? 0);
      const last = log.messages.at(-1);
      const mentions = this.#mentions.get(id)?.count ?? 0;
      summaries.set(id, { last, readSeq, unread: Math.max(0, head - readSeq), mentions });
    }
    this.#summaries = summaries;
    this.changed.emit();
  }
}
