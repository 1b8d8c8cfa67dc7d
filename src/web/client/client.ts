/**
 * One signed-in person's client, without a user interface: a browser page, a bot and a load
 * test can all use it. It joins the parts, which know nothing of each other:
 *
 *   lists, history ─┐
 *   live events ────┼─> MessageStore ─> whoever shows it
 *   sync ───────────┤
 *   Outbox ─(ack)───┘
 */
import { limits } from '../../protocol/limits.ts';
import type {
  Contact,
  Group,
  Message,
  Position,
  ReplyReference,
  User,
} from '../../protocol/types.ts';
import { type Api, createApi, type PageRequest } from './api.ts';
import { CatchUp } from './catch-up.ts';
import { Connection } from './connection.ts';
import { DeliveredPositions } from './delivered-positions.ts';
import { Emitter } from './emitter.ts';
import { isRetryable, ProblemError } from './errors.ts';
import { createHttp, type HttpOptions } from './http.ts';
import { MembersRead } from './members-read.ts';
import { MessageStore } from './message-store.ts';
import { Outbox, type OutboxEntry, type OutboxStorage } from './outbox.ts';
import { Presence } from './presence.ts';
import { ReadPositions } from './read-positions.ts';
import { Typing } from './typing.ts';
import type { UploadFile } from './uploader.ts';

export interface ClientOptions extends HttpOptions {
  ownId: string;
  storage: OutboxStorage;
  /** Absent: this client sends no files. */
  upload?: UploadFile;
}

/** What concerns the lists of people and groups, or the session itself. */
export type ClientNotice =
  | { type: 'groupChanged'; group: Group }
  | { type: 'groupGone'; groupId: string }
  /** Someone signed up, or has another name or picture. */
  | { type: 'userChanged'; user: User }
  | { type: 'listsStale' }
  /** The list of people was read before the connection was there to tell who signs up. */
  | { type: 'peopleStale' }
  | { type: 'sessionEnded'; message: string };

/** A `since` of so many conversations would not fit into one socket packet. */
const SYNC_BY_SOCKET = Math.floor(limits.socketPacketBytes / 160);
const ENOUGH_TO_SHOW = 30;
/** Of one list, when something happens during each reading; the next minutes bring what it lacks. */
const READS_AT_MOST = 3;
/** Of a hundred messages each; what lies farther back is shown by itself. */
const PAGES_TO_JUMP = 8;

export class ParleyClient {
  readonly api: Api;
  readonly connection: Connection;
  readonly messages: MessageStore;
  readonly outbox: Outbox;
  readonly presence: Presence;
  readonly reads: ReadPositions;
  readonly delivered: DeliveredPositions;
  /** How far the others have read and received. */
  readonly membersRead = new MembersRead();
  readonly typing: Typing;
  readonly notices = new Emitter<ClientNotice>();
  /** A message was changed, as it was told or caught up with, whether it is kept here or not. */
  readonly messageChanged = new Emitter<Message>();
  readonly ownId: string;
  readonly #catchUp: CatchUp;
  readonly #groupIds = new Set<string>();
  /** Quoted messages that are being asked for, or are not there. */
  readonly #quotesAsked = new Set<string>();
  #seeded = { people: false, groups: false };
  #wasOnline = false;
  /** Grows with what a list of people that is being read may lack. */
  #news = 0;

  constructor({ ownId, storage, upload, ...options }: ClientOptions) {
    this.ownId = ownId;
    this.api = createApi(createHttp(options));
    this.connection = new Connection(options);
    this.messages = new MessageStore(ownId);
    this.outbox = new Outbox({
      storage,
      send: (entry) => this.#send(entry),
      upload: upload ?? cannotUpload,
      onStored: (message) => {
        // Of a group that one left meanwhile nothing is kept.
        if (!this.#isOfStrangeGroup(message)) this.messages.receive(message);
      },
    });
    this.presence = new Presence({
      watch: (userIds) => this.connection.ask('watchPresence', { userIds }),
    });
    this.typing = new Typing({
      tell: (conversationId, active) => {
        const peer = this.peerOf(conversationId);
        const recipient = peer === undefined ? { groupId: conversationId } : { to: peer };
        return this.connection.ask('typing', { ...recipient, active });
      },
    });
    this.reads = new ReadPositions({
      store: this.messages,
      ownId,
      send: (conversationId, seq) => this.connection.ask('markRead', { conversationId, seq }),
      sendLast: (conversationId, seq) => {
        const peer = this.peerOf(conversationId);
        return peer === undefined
          ? this.api.readGroup(conversationId, seq)
          : this.api.readDirectConversation(peer, seq);
      },
    });
    this.delivered = new DeliveredPositions({
      store: this.messages,
      send: async (positions) =>
        (await this.connection.ask('markDelivered', { positions })).delivered,
    });
    this.#catchUp = new CatchUp({
      store: this.messages,
      sync: async (since) => {
        const result = await this.#sync(since);
        // Of a restored backup: its numbers belong to other messages now.
        for (const { conversationId, reset } of result.changes) {
          if (!reset) continue;
          this.membersRead.forget(conversationId);
          this.delivered.forget(conversationId);
          // Which of the unread messages name one is told by the lists alone.
          this.notices.emit({ type: 'listsStale' });
        }
        for (const { messages } of result.changes) {
          for (const message of messages) if (message.rev > 0) this.messageChanged.emit(message);
        }
        return result;
      },
      onMembership: ({ joined, left }) => {
        for (const conversationId of left) this.dropGroup(conversationId);
        if (joined.length > 0) this.notices.emit({ type: 'listsStale' });
      },
    });
    this.#listen();
  }

  start(): void {
    void this.outbox.restore();
    this.connection.open();
  }

  stop(): void {
    this.connection.close();
  }

  /** The page may be gone at any moment, or frozen: what would have waited is told now. */
  leave(): void {
    this.reads.flush();
  }

  /** Reads the list of people, and takes in what it says about their conversations. */
  async loadPeople(): Promise<Contact[]> {
    const people = await this.#readPeople();
    this.messages.seed(people);
    this.presence.seed(people.map(toPresence));
    this.#seeded.people = true;
    this.#startCatchUp();
    return people;
  }

  /** Again when someone signed up meanwhile, or might have, before this client could hear of it. */
  async #readPeople(): Promise<Contact[]> {
    for (let reads = 1; ; reads++) {
      const news = this.#news;
      const people = await this.api.listContacts();
      if (news === this.#news || reads === READS_AT_MOST) return people;
    }
  }

  async loadGroups(): Promise<Group[]> {
    const groups = await this.api.listGroups();
    for (const group of groups) this.#groupIds.add(group._id);
    this.messages.seed(groups.map(toSeed));
    this.#seeded.groups = true;
    this.#startCatchUp();
    return groups;
  }

  /** Makes a group that just came known, with what it says about its conversation. */
  takeGroup(group: Group): void {
    this.#groupIds.add(group._id);
    this.messages.seed([toSeed(group)]);
    this.notices.emit({ type: 'groupChanged', group });
  }

  /** Drops a group one no longer belongs to. */
  dropGroup(groupId: string): void {
    this.#groupIds.delete(groupId);
    this.messages.forget(groupId);
    this.membersRead.forget(groupId);
    this.delivered.forget(groupId);
    for (const { clientId } of this.outbox.entriesOf(groupId)) this.outbox.remove(clientId);
    this.notices.emit({ type: 'groupGone', groupId });
  }

  /** Sees to it that there is enough of a conversation to show it. */
  async openConversation(conversationId: string): Promise<void> {
    const view = this.messages.view(conversationId);
    if (view.ready || view.messages.length >= ENOUGH_TO_SHOW) return;
    await this.loadOlder(conversationId);
  }

  /** Asks how far the other person of a direct conversation has read and received it. */
  async loadPartnerRead(conversationId: string): Promise<void> {
    const peer = this.peerOf(conversationId);
    if (peer === undefined) return;
    this.membersRead.take(conversationId, await this.api.listDirectPositions(peer));
  }

  /** Loads the page before the oldest message held. */
  async loadOlder(conversationId: string): Promise<void> {
    const before = this.messages.firstSeq(conversationId);
    const request = before === undefined ? {} : { before };
    const { data, next } = await this.page(conversationId, request);
    this.messages.addPage(conversationId, data, next !== undefined);
  }

  /** Loads everything from a message on, unless that is very much. Whether it is there now. */
  async loadFrom(conversationId: string, seq: number): Promise<boolean> {
    for (let pages = 0; pages < PAGES_TO_JUMP; pages++) {
      const first = this.messages.firstSeq(conversationId);
      if (first !== undefined && first <= seq) return true;
      const request = { limit: limits.pageMax, ...(first === undefined ? {} : { before: first }) };
      const { data, next } = await this.page(conversationId, request);
      this.messages.addPage(conversationId, data, next !== undefined);
      if (data.length === 0) break;
    }
    return (this.messages.firstSeq(conversationId) ?? Number.POSITIVE_INFINITY) <= seq;
  }

  /**
   * Fetches a message that is quoted and not loaded, once however many quote it. One that is not
   * there for this member is not asked for again.
   */
  async loadQuoted(
    conversationId: string,
    { _id, seq }: Pick<ReplyReference, '_id' | 'seq'>,
  ): Promise<void> {
    if (this.#quotesAsked.has(_id)) return;
    this.#quotesAsked.add(_id);
    try {
      const { data } = await this.page(conversationId, { around: seq, limit: 1 });
      const message = data.find((one) => one._id === _id);
      if (!message) return;
      this.messages.addQuoted(message);
      this.#quotesAsked.delete(_id);
    } catch (error) {
      if (isRetryable(error)) this.#quotesAsked.delete(_id);
      throw error;
    }
  }

  async edit(messageId: string, text: string): Promise<void> {
    const { message } = await this.connection.ask('editMessage', { messageId, text });
    this.#changed(message);
  }

  async delete(messageId: string): Promise<void> {
    const { message } = await this.connection.ask('deleteMessage', { messageId });
    this.#changed(message);
  }

  /** @param active false: takes it back */
  async react(messageId: string, emoji: string, active: boolean): Promise<void> {
    const payload = { messageId, emoji, active };
    const { message } = await this.connection.ask('reactToMessage', payload);
    this.#changed(message);
  }

  /** A page of a conversation's messages, which is not kept. */
  page(conversationId: string, request: PageRequest) {
    const peer = this.peerOf(conversationId);
    return peer
      ? this.api.listDirectMessages(peer, request)
      : this.api.listGroupMessages(conversationId, request);
  }

  /** The other person of a direct conversation; nothing for a group. */
  peerOf(conversationId: string): string | undefined {
    const ids = conversationId.split('-');
    return ids.length === 2 ? ids.find((id) => id !== this.ownId) : undefined;
  }

  #listen(): void {
    const { connection, messages, outbox } = this;
    const { events } = connection;
    connection.changed.listen(() => this.#statusChanged());
    connection.refused.listen((error) => void this.#refused(error));
    events.on('newMessage', (message) => this.#receive(message));
    events.on('newGroupMessage', (message) => this.#receive(message));
    for (const event of changeEvents) {
      events.on(event, (message) => this.#changed(message));
    }
    events.on('conversationHeads', (heads) => messages.noteHeads(heads));
    events.on('typing', ({ conversationId, userId, active }) =>
      this.typing.note(conversationId, userId, active),
    );
    events.on('conversationRead', (position) => {
      messages.noteRead(position);
      this.membersRead.note(position);
    });
    events.on('conversationDelivered', (position) => this.membersRead.noteDelivered(position));
    events.on('presence', (states) => this.presence.note(states));
    events.on('userUpdated', (user) => {
      this.#news++;
      this.notices.emit({ type: 'userChanged', user });
    });
    events.on('newGroup', (group) => this.takeGroup(group));
    events.on('groupUpdated', (group) => this.takeGroup(group));
    events.on('removedFromGroup', ({ groupId }) => this.dropGroup(groupId));
    events.on('groupDeleted', ({ groupId }) => this.dropGroup(groupId));
    events.on('sessionRevoked', ({ message }) => this.#end(message));
    // An own message that came by another way: its acknowledgement was lost, or another
    // page of the same person sent it.
    messages.arrived.listen(({ conversationId, senderId, clientId, seq }) => {
      this.typing.note(conversationId, senderId, false);
      // Who answers has read what was there.
      if (this.peerOf(conversationId) !== undefined) {
        this.membersRead.note({ conversationId, userId: senderId, seq });
      }
      if (senderId === this.ownId) outbox.remove(clientId);
    });
  }

  #statusChanged(): void {
    if (this.connection.status === 'online') {
      this.outbox.resume();
      this.presence.start();
      this.reads.start();
      this.#startCatchUp();
      this.#news++;
      // Reading positions and profiles may have changed meanwhile; sync does not carry them.
      if (this.#wasOnline) this.notices.emit({ type: 'listsStale' });
      else if (this.#seeded.people) this.notices.emit({ type: 'peopleStale' });
      this.#wasOnline = true;
      return;
    }
    this.outbox.pause();
    this.presence.stop();
    this.reads.stop();
    this.delivered.stop();
    this.typing.clear();
    this.#catchUp.stop();
  }

  /** A sync without the lists would ask for everything. */
  #startCatchUp(): void {
    if (this.connection.status !== 'online') return;
    if (!this.#seeded.people || !this.#seeded.groups) return;
    this.#catchUp.start();
    this.delivered.start();
  }

  #changed(message: Message): void {
    this.messages.receiveChange(message);
    this.messageChanged.emit(message);
  }

  #receive(message: Message): void {
    const isOfStrangeGroup = this.#isOfStrangeGroup(message);
    // It came behind one's leaving; or the list brings the group, with this as its last message.
    if (!isOfStrangeGroup) this.messages.receive(message);
    const isFirst = message.groupId === undefined && message.seq === 1;
    if (isOfStrangeGroup || isFirst) this.notices.emit({ type: 'listsStale' });
  }

  /** While the list of groups was not read every group may be one's own. */
  #isOfStrangeGroup({ groupId }: Message): boolean {
    return groupId !== undefined && this.#seeded.groups && !this.#groupIds.has(groupId);
  }

  async #send(entry: OutboxEntry): Promise<Message> {
    const { recipient, clientId, text, files, replyTo } = entry;
    const attachments = files?.flatMap(({ attachmentId }) => attachmentId ?? []);
    const payload = {
      ...recipient,
      ...{ text, clientId },
      ...(replyTo ? { replyTo: replyTo._id } : {}),
      ...(attachments ? { attachments } : {}),
    };
    return (await this.connection.ask('sendMessage', payload)).message;
  }

  #sync(since: Record<string, Position>) {
    return Object.keys(since).length > SYNC_BY_SOCKET
      ? this.api.sync({ since })
      : this.connection.ask('sync', { since });
  }

  /** A refused connection may only mean a busy server; the session itself is asked. */
  async #refused(error: Error): Promise<void> {
    const signedOut = (reason: unknown) => reason instanceof ProblemError && reason.status === 401;
    if (signedOut(error)) return this.#end(error.message);
    try {
      await this.api.checkAuth();
    } catch (reason) {
      if (signedOut(reason)) this.#end('You are signed out.');
    }
  }

  #end(message: string): void {
    this.stop();
    this.notices.emit({ type: 'sessionEnded', message });
  }
}

const changeEvents = ['messageUpdated', 'messageDeleted', 'messageReaction'] as const;

const cannotUpload: UploadFile = () => {
  throw new Error('this client was made without a way to upload files');
};

const toSeed = ({
  _id,
  lastMessage,
  readSeq = 0,
  unreadCount = 0,
  rev = 0,
  mentionSeqs,
}: Group) => ({
  conversationId: _id,
  readSeq,
  rev,
  ...(lastMessage ? { lastMessage } : {}),
  ...(mentionSeqs ? { mentions: { seqs: mentionSeqs, upTo: readSeq + unreadCount } } : {}),
});

const toPresence = ({ _id, online = false, lastSeenAt }: User) => ({
  userId: _id,
  online,
  lastSeenAt,
});
