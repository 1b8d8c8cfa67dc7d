/**
 * Messages on their way. Each is shown at once, kept in storage until the server has it, and
 * sent in order, one at a time per conversation, so that none overtakes another. A failure
 * whose outcome is unknown is followed by the same clientId again: the server stores it once.
 *
 * One with files waits until they are uploaded; what was written after it does not wait for that.
 *
 * The server's limit is one for all conversations: when one lane meets it, all of them rest for
 * as long as the server asked, and then go on by themselves.
 */
import type { Message, ReplyReference } from '../../protocol/types.ts';
import { Emitter } from './emitter.ts';
import { askedDelay, explain, isLimited, isRetryable } from './errors.ts';
import { type OutgoingFile, Uploader, type UploadFile, type UploadTask } from './uploader.ts';

export type Recipient = { to: string } | { groupId: string };

export interface OutboxEntry {
  clientId: string;
  conversationId: string;
  recipient: Recipient;
  text: string;
  files?: readonly OutgoingFile[];
  replyTo?: ReplyReference;
  createdAt: string;
  /** Grows with each entry of one client. */
  order: number;
  state: 'pending' | 'failed';
  /** Why the server refused it. */
  reason?: string;
}

/** Where entries outlive the page. A storage that fails costs only that. */
export interface OutboxStorage {
  load(): Promise<OutboxEntry[]>;
  save(entry: OutboxEntry): Promise<void>;
  remove(clientId: string): Promise<void>;
}

export interface OutboxOptions {
  storage: OutboxStorage;
  /** Sends one message; resolves with what the server stored. */
  send: (entry: OutboxEntry) => Promise<Message>;
  upload: UploadFile;
  onStored: (message: Message) => void;
  /** Milliseconds before the first repetition; doubled each time. */
  firstPause?: number;
}

interface Lane {
  busy: boolean;
  failures: number;
  again: ReturnType<typeof setTimeout> | undefined;
}

const LONGEST_PAUSE = 15_000;

export class Outbox {
  readonly changed = new Emitter();
  readonly #options: OutboxOptions;
  readonly #lanes = new Map<string, Lane>();
  readonly uploader: Uploader;
  #entries: readonly OutboxEntry[] = [];
  readonly #views = new Map<string, readonly OutboxEntry[]>();
  #running = false;
  /** Counts the connections. */
  #resumed = 0;
  #lastOrder = 0;
  /** Nothing is sent before this time; 0: no limit was met. */
  #limitedUntil = 0;

  constructor(options: OutboxOptions) {
    this.#options = options;
    const { upload, firstPause } = options;
    this.uploader = new Uploader({
      upload,
      next: () => this.#nextUpload(),
      onUploaded: (task, attachmentId) => this.#uploaded(task, attachmentId),
      onRefused: ({ clientId }, reason) => this.#refuse(clientId, reason),
      ...(firstPause === undefined ? {} : { firstPause }),
    });
  }

  /** Brings back what an earlier page left behind. */
  async restore(): Promise<void> {
    const stored = await this.#options.storage.load().catch(() => []);
    const known = new Set(this.#entries.map((entry) => entry.clientId));
    const restored = stored.filter((entry) => !known.has(entry.clientId));
    this.#lastOrder = Math.max(this.#lastOrder, ...restored.map((entry) => entry.order));
    this.#update([...restored, ...this.#entries].sort((a, b) => a.order - b.order));
    this.#sendAll();
  }

  /** Accepts a message. It counts as on its way from here on. */
  add(
    conversationId: string,
    recipient: Recipient,
    content: { text: string; files?: readonly OutgoingFile[]; replyTo?: ReplyReference },
  ): OutboxEntry {
    const now = Date.now();
    this.#lastOrder = Math.max(this.#lastOrder + 1, now);
    const entry: OutboxEntry = {
      clientId: crypto.randomUUID(),
      conversationId,
      recipient,
      ...content,
      createdAt: new Date(now).toISOString(),
      order: this.#lastOrder,
      state: 'pending',
    };
    this.#update([...this.#entries, entry]);
    this.#keep(entry);
    this.#goOn(conversationId);
    return entry;
  }

  /** Sends a refused message once more, under the same clientId. */
  retry(clientId: string): void {
    const entry = this.#find(clientId);
    if (entry?.state !== 'failed') return;
    const { reason: _, ...rest } = entry;
    this.#change({ ...rest, state: 'pending' });
    this.#goOn(entry.conversationId);
  }

  /** Takes a message out: given up, or known to be stored. */
  remove(clientId: string): void {
    if (!this.#find(clientId)) return;
    this.uploader.cancel(clientId);
    this.#update(this.#entries.filter((entry) => entry.clientId !== clientId));
    this.#options.storage.remove(clientId).catch(() => undefined);
  }

  clear(): void {
    for (const { clientId } of this.#entries) this.remove(clientId);
  }

  /** The connection is there: everything that waits goes out now. */
  resume(): void {
    this.#running = true;
    this.#resumed += 1;
    this.#sendAll();
  }

  /** The connection is away: nothing is sent until `resume`. */
  pause(): void {
    this.#running = false;
    this.uploader.pause();
    for (const lane of this.#lanes.values()) clearTimeout(lane.again);
  }

  /** What a conversation shows after its messages. The same array until it changes. */
  entriesOf(conversationId: string): readonly OutboxEntry[] {
    const known = this.#views.get(conversationId);
    if (known) return known;
    const view = this.#entries.filter((entry) => entry.conversationId === conversationId);
    this.#views.set(conversationId, view);
    return view;
  }

  /** How many messages wait to be sent, in all conversations. */
  pendingCount = (): number => this.#entries.filter((entry) => entry.state === 'pending').length;

  /** When sending goes on after the server's limit was met, by Date.now(); 0: it was not. */
  limitedUntil = (): number => this.#limitedUntil;

  /** Of the bytes of a message's files how many have left; undefined: none has to. */
  progressOf(clientId: string): { sent: number; total: number } | undefined {
    const files = this.#find(clientId)?.files ?? [];
    if (files.every(isUploaded)) return undefined;
    const bytes = (some: readonly OutgoingFile[]) =>
      some.reduce((sum, { content }) => sum + content.size, 0);
    const sent = bytes(files.filter(isUploaded)) + this.uploader.sentOf(clientId);
    return { sent, total: bytes(files) };
  }

  #nextUpload(): UploadTask | undefined {
    for (const { clientId, state, files = [] } of this.#entries) {
      const file = state === 'pending' ? files.find((one) => !isUploaded(one)) : undefined;
      if (file) return { clientId, file };
    }
    return undefined;
  }

  #uploaded({ clientId, file: { key } }: UploadTask, attachmentId: string): void {
    const entry = this.#find(clientId);
    if (!entry?.files) return;
    const files = entry.files.map((one) => (one.key === key ? { ...one, attachmentId } : one));
    this.#change({ ...entry, files });
    void this.#drain(entry.conversationId);
  }

  /** The server will not take it: one may write it anew, or try again. */
  #refuse(clientId: string, reason: string): void {
    const entry = this.#find(clientId);
    if (!entry) return;
    // Uploads that were not sent for a day are gone; another try uploads again.
    const files = entry.files?.map(({ attachmentId: _, ...file }) => file);
    const failed = { ...entry, state: 'failed' as const, reason };
    this.#change({ ...failed, ...(files ? { files } : {}) });
  }

  #goOn(conversationId: string): void {
    if (this.#running) this.uploader.wake();
    void this.#drain(conversationId);
  }

  #sendAll(): void {
    if (this.#running) this.uploader.wake();
    for (const conversationId of new Set(this.#entries.map((entry) => entry.conversationId))) {
      this.#lane(conversationId).failures = 0;
      void this.#drain(conversationId);
    }
  }

  async #drain(conversationId: string): Promise<void> {
    const lane = this.#lane(conversationId);
    clearTimeout(lane.again);
    if (lane.busy) return;
    lane.busy = true;
    let goOn = true;
    while (goOn && this.#running) {
      const rest = this.#limitedUntil - Date.now();
      if (rest > 0) {
        this.#drainIn(rest, conversationId, lane);
        break;
      }
      this.#leaveLimit();
      const next = this.entriesOf(conversationId).find(isReady);
      if (!next) break;
      goOn = await this.#trySending(next, lane);
    }
    lane.busy = false;
  }

  /** Whether the lane may go on with its next message. */
  async #trySending(entry: OutboxEntry, lane: Lane): Promise<boolean> {
    const begunIn = this.#resumed;
    try {
      const message = await this.#options.send(entry);
      lane.failures = 0;
      this.#options.onStored(message);
      this.remove(entry.clientId);
      return true;
    } catch (error) {
      if (!this.#find(entry.clientId)) return true;
      if (!isRetryable(error)) {
        this.#refuse(entry.clientId, explain(error));
        return true;
      }
      if (isLimited(error)) {
        this.#meetLimit(askedDelay(error));
        return true;
      }
      // It went down with a connection that has been replaced meanwhile.
      if (begunIn !== this.#resumed) return true;
      this.#tryAgainLater(entry.conversationId, lane, askedDelay(error));
      return false;
    }
  }

  #tryAgainLater(conversationId: string, lane: Lane, asked: number): void {
    // While paused, resume() starts the lane again.
    if (!this.#running) return;
    const growing = (this.#options.firstPause ?? 800) * 2 ** lane.failures;
    const pause = Math.max(asked, Math.min(LONGEST_PAUSE, growing) * (0.75 + Math.random() / 2));
    lane.failures += 1;
    this.#drainIn(pause, conversationId, lane);
  }

  #drainIn(pause: number, conversationId: string, lane: Lane): void {
    clearTimeout(lane.again);
    lane.again = setTimeout(() => void this.#drain(conversationId), pause);
  }

  #leaveLimit(): void {
    if (this.#limitedUntil === 0) return;
    this.#limitedUntil = 0;
    this.changed.emit();
  }

  #meetLimit(asked: number): void {
    // One who was not told how long waits for a second, as one who was told in seconds.
    const until = Date.now() + (asked > 0 ? asked : 1_000);
    this.#limitedUntil = Math.max(this.#limitedUntil, until);
    this.changed.emit();
  }

  #lane(conversationId: string): Lane {
    const known = this.#lanes.get(conversationId);
    if (known) return known;
    const lane: Lane = { busy: false, failures: 0, again: undefined };
    this.#lanes.set(conversationId, lane);
    return lane;
  }

  #find(clientId: string): OutboxEntry | undefined {
    return this.#entries.find((entry) => entry.clientId === clientId);
  }

  #change(changed: OutboxEntry): void {
    this.#update(
      this.#entries.map((entry) => (entry.clientId === changed.clientId ? changed : entry)),
    );
    this.#keep(changed);
  }

  #keep(entry: OutboxEntry): void {
    this.#options.storage.save(entry).catch(() => undefined);
  }

  #update(entries: readonly OutboxEntry[]): void {
    this.#entries = entries;
    this.#views.clear();
    this.changed.emit();
  }
}

const isUploaded = ({ attachmentId }: OutgoingFile): boolean => attachmentId !== undefined;

/** Whether a message may be sent: nothing has to be uploaded first. */
const isReady = ({ state, files = [] }: OutboxEntry): boolean =>
  state === 'pending' && files.every(isUploaded);
