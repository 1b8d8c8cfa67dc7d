/**
 * Where conversations stand, kept behind the messages.
 *
 * A committed message is acknowledged at once; the head of its conversation follows: remembered
 * in this process, and written to the database joined with what else moved, so that a busy
 * conversation costs a few writes a second, however many messages it has. What is remembered
 * is laid over what is read, so that nobody is shown less than this instance acknowledged.
 *
 * Heads are also held for readers: brought up to date by what is committed here, by the others'
 * words (bus topic `heads.moved`, one for each batch), and at the latest by the poll of changes.
 * They only ever move on, so what comes late does no harm.
 *
 * A head is derived and never the authority: an instance that dies with heads unwritten costs
 * nothing but the work of finding them again in the messages (messages/head-recovery.ts).
 */
import { LRUCache } from 'lru-cache';
import type { Bus } from '../../infra/bus.ts';
import type { CacheFigures } from '../../infra/cache.ts';
import type { Logger } from '../../infra/logger.ts';
import { directPartners } from './conversation-id.ts';
import type { ConversationStore, HeadAdvance, OwnHead } from './conversations.store.ts';

/**
 * The first write follows at once, the next ones in this distance or, when many conversations
 * move, in one that leaves the database nine tenths of the time for messages.
 */
const WRITE_EVERY_MS = 200;
const WRITE_SHARE = 0.1;
const WRITE_AT_LATEST_MS = 1_000;
const RETRY_MS = 500;
const HEADS_PER_WRITE = 1_000;
/** Far longer than a head waits to be written; short, so that a restored backup is believed. */
const REMEMBERED_MS = 10_000;
const REMEMBERED_HEADS = 50_000;
/** What a head does not tell by moving, such as a restored backup, is believed after this. */
const HELD_MS = 60_000;
const HELD_HEADS = 200_000;

interface KnownHead extends HeadAdvance {
  /** When this instance learned of it. */
  knownAt: Date;
}

export interface Heads {
  /** Messages were committed here: remembers their heads, and sees to it that they are written. */
  advance(advances: HeadAdvance[]): void;
  /** Messages were committed by another instance, which writes the heads. */
  remember(advances: HeadAdvance[]): void;
  /** A head as read from the database, moved on to where this instance knows it to be. */
  withRemembered(head: OwnHead): OwnHead;
  /** One head as `current` would tell it, where it is held; undefined: it has to be asked for. */
  held(id: string): OwnHead | undefined;
  /** Heads as they are, at most 2 s old; none for conversations without documents. */
  current(ids: readonly string[]): Promise<Map<string, OwnHead>>;
  /** Messages were committed elsewhere, and another instance answers for them. */
  hear(advances: HeadAdvance[]): void;
  /** A head was seen in the database. */
  seen(head: OwnHead): void;
  /** Somebody's last message no longer counts. */
  forget(conversationId: string): void;
  /** Resolves when what was waiting at the time of the call is committed. Rejects if it is not. */
  flush(): Promise<void>;
  /** Writes what is waiting, once more, and stops. */
  close(): Promise<void>;
}

export function createHeads(deps: {
  store: Pick<ConversationStore, 'advanceHeads' | 'wholeHeads'>;
  bus: Pick<Bus, 'publish' | 'on'>;
  /** Whether others need to be told; without Redis they hear of every message by itself. */
  tellsOthers: () => boolean;
  /** Whether heads that are held may be used. */
  trusted: () => boolean;
  figures: Map<string, () => CacheFigures>;
  clock: () => Date;
  log: Logger;
}): Heads {
  const remembered = new LRUCache<string, KnownHead>({
    max: REMEMBERED_HEADS,
    ttl: REMEMBERED_MS,
  });
  const held = new LRUCache<string, OwnHead>({ max: HELD_HEADS, ttl: HELD_MS });
  /** Heads that are being read, with what was heard of them meanwhile. */
  const reading = new Map<string, { count: number; heard: OwnHead | undefined }>();
  const counts = { hit: 0, miss: 0, stale_prevented: 0 };
  deps.figures.set('heads', () => ({
    process: { ...counts, entries: held.size },
    redis: { hit: 0, miss: 0, stale_prevented: 0 },
  }));
  let waiting = new Map<string, HeadAdvance>();
  let underWay: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  let nextWriteAt = 0;
  let closed = false;

  function remember(advances: HeadAdvance[]): void {
    const knownAt = deps.clock();
    for (const advance of advances) {
      const known = remembered.get(advance.conversationId);
      const next = known === undefined ? copyOf(advance) : known;
      if (known !== undefined) join(known, advance);
      remembered.set(advance.conversationId, { ...next, knownAt });
    }
  }

  /** Moves on what is held, and what is being read. */
  function hear(head: OwnHead): void {
    const underWay = reading.get(head._id);
    if (underWay !== undefined) {
      if (underWay.heard === undefined) underWay.heard = { ...head, sent: new Map(head.sent) };
      else moveOn(underWay.heard, head);
    }
    const known = held.peek(head._id);
    if (known !== undefined) moveOn(known, head);
  }

  function hearAdvances(advances: HeadAdvance[]): void {
    for (const { conversationId, rev, seq, lastId, at, sent } of advances) {
      if (!held.has(conversationId) && !reading.has(conversationId)) continue;
      const kind = directPartners(conversationId) === undefined ? 'group' : 'direct';
      const head = {
        _id: conversationId,
        kind,
        seq,
        lastId,
        lastAt: at,
        rev,
        headAt: at,
      } as const;
      hear({ ...head, sent });
    }
  }

  deps.bus.on<WiredAdvance[]>('heads.moved', (advances) => {
    hearAdvances(
      advances.map(({ sent, at, ...rest }) => ({ ...rest, at: new Date(at), sent: new Map(sent) })),
    );
  });

  function tellOthers(advances: HeadAdvance[]): void {
    const words: WiredAdvance[] = advances.map(({ sent, at, ...rest }) => ({
      ...rest,
      at: at.getTime(),
      sent: [...sent],
    }));
    deps.bus.publish('heads.moved', words);
  }

  async function read(ids: string[]): Promise<Map<string, OwnHead>> {
    for (const id of ids) {
      const underWay = reading.get(id);
      if (underWay === undefined) reading.set(id, { count: 1, heard: undefined });
      else underWay.count++;
    }
    const found = new Map<string, OwnHead>();
    try {
      for (const head of (await deps.store.wholeHeads(ids)).map(withRemembered)) {
        const heard = reading.get(head._id)?.heard;
        if (heard !== undefined) moveOn(head, heard);
        found.set(head._id, head);
        if (deps.trusted()) held.set(head._id, head);
      }
    } finally {
      for (const id of ids) {
        const underWay = reading.get(id);
        if (underWay !== undefined && --underWay.count === 0) reading.delete(id);
      }
    }
    return found;
  }

  function heldHead(id: string): OwnHead | undefined {
    const head = deps.trusted() ? held.get(id) : undefined;
    if (head !== undefined) counts.hit++;
    return head;
  }

  async function current(ids: readonly string[]): Promise<Map<string, OwnHead>> {
    if (!deps.trusted()) return read([...ids]);
    const found = new Map<string, OwnHead>();
    const missing: string[] = [];
    for (const id of ids) {
      const head = held.get(id);
      if (head === undefined) missing.push(id);
      else found.set(id, head);
    }
    counts.hit += found.size;
    counts.miss += missing.length;
    if (missing.length > 0) for (const [id, head] of await read(missing)) found.set(id, head);
    return found;
  }

  function withRemembered(head: OwnHead): OwnHead {
    const known = remembered.get(head._id);
    if (known === undefined) return head;
    const sent = new Map(head.sent);
    moveSent(sent, known.sent);
    const rev = Math.max(known.rev, head.rev);
    if (known.seq <= head.seq) return { ...head, sent, rev };
    const { seq, lastId, at: lastAt, knownAt: headAt } = known;
    return { ...head, sent, rev, seq, lastId, lastAt, headAt };
  }

  function schedule(): void {
    if (closed || waiting.size === 0) return;
    timer ??= setTimeout(
      () => {
        timer = undefined;
        // Its failure is logged, and what failed waits for the next write.
        write().catch(() => undefined);
      },
      Math.max(0, nextWriteAt - performance.now()),
    );
  }

  /** Writes everything that waits, after what is under way. */
  function write(): Promise<void> {
    const work = underWay
      .catch(() => undefined)
      .then(async () => {
        const batch = waiting;
        if (batch.size === 0) return;
        waiting = new Map();
        const startedAt = performance.now();
        nextWriteAt = startedAt + WRITE_EVERY_MS;
        await writeAll([...batch.values()]);
        const rest = (performance.now() - startedAt) / WRITE_SHARE;
        nextWriteAt = startedAt + Math.min(Math.max(rest, WRITE_EVERY_MS), WRITE_AT_LATEST_MS);
      });
    underWay = work;
    work.finally(schedule).catch(() => undefined);
    return work;
  }

  async function writeAll(advances: HeadAdvance[]): Promise<void> {
    for (let from = 0; from < advances.length; from += HEADS_PER_WRITE) {
      try {
        await deps.store.advanceHeads(advances.slice(from, from + HEADS_PER_WRITE));
      } catch (error) {
        // No more conversations than have messages that MongoDB took, so this stays bounded.
        for (const advance of advances.slice(from)) addTo(waiting, advance);
        nextWriteAt = performance.now() + RETRY_MS;
        const context = { err: error, conversations: advances.length - from };
        deps.log.warn(context, 'heads of conversations were not written; trying again');
        throw error;
      }
    }
  }

  return {
    advance: (advances) => {
      remember(advances);
      hearAdvances(advances);
      for (const advance of advances) addTo(waiting, advance);
      schedule();
      // Before the messages are delivered, so that who hears of one can also read it.
      if (deps.tellsOthers()) tellOthers(advances);
    },
    remember: (advances) => {
      remember(advances);
      hearAdvances(advances);
    },
    withRemembered,
    held: heldHead,
    current,
    hear: hearAdvances,
    seen: hear,
    forget: (conversationId) => {
      held.delete(conversationId);
    },
    flush: write,
    close: async () => {
      clearTimeout(timer);
      closed = true;
      await write();
    },
  };
}

const copyOf = (advance: HeadAdvance): HeadAdvance => ({ ...advance, sent: new Map(advance.sent) });

function addTo(advances: Map<string, HeadAdvance>, advance: HeadAdvance): void {
  const known = advances.get(advance.conversationId);
  if (known === undefined) advances.set(advance.conversationId, copyOf(advance));
  else join(known, advance);
}

/** As it travels between instances; `at` in milliseconds since 1970. */
type WiredAdvance = Omit<HeadAdvance, 'sent' | 'at'> & { sent: [string, number][]; at: number };

/** Takes over what has moved further in another state of the same head. */
function moveOn(head: OwnHead, other: OwnHead): void {
  moveSent(head.sent, other.sent);
  head.rev = Math.max(head.rev, other.rev);
  if (other.seq <= head.seq) return;
  const { seq, lastId, lastAt, headAt } = other;
  Object.assign(head, { seq, lastId, lastAt, headAt });
}

/** Moves a head on; never back. */
function join(known: HeadAdvance, advance: HeadAdvance): void {
  moveSent(known.sent, advance.sent);
  known.rev = Math.max(known.rev, advance.rev);
  if (advance.seq <= known.seq) return;
  known.seq = advance.seq;
  known.lastId = advance.lastId;
  known.at = advance.at;
}

function moveSent(sent: Map<string, number>, other: Map<string, number>): void {
  for (const [userId, seq] of other) sent.set(userId, Math.max(seq, sent.get(userId) ?? 0));
}
