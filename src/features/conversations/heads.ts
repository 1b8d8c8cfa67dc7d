/**
 * Where conversations stand, kept behind the messages.
 *
 * A committed message is acknowledged at once; the head of its conversation follows: remembered
 * in this process, and written to the database joined with what else moved, so that a busy
 * conversation costs a few writes a second, however many messages it has. What is remembered
 * is laid over what is read, so that nobody is shown less than this instance acknowledged.
 *
 * A head is derived and never the authority: an instance that dies with heads unwritten costs
 * nothing but the work of finding them again in the messages (messages/head-recovery.ts).
 */
import { LRUCache } from 'lru-cache';
import type { Logger } from '../../infra/logger.ts';
import type { ConversationStore, HeadAdvance, OwnHead } from './conversations.store.ts';

/**
 * The first write follows at once, the next ones in this distance or, when many conversations
 * move, in one that leaves the database nine tenths of the time for messages.
 */
const WRITE_EVERY_MS = 100;
const WRITE_SHARE = 0.1;
const WRITE_AT_LATEST_MS = 1_000;
const RETRY_MS = 500;
const HEADS_PER_WRITE = 1_000;
/** Far longer than a head waits to be written; short, so that a restored backup is believed. */
const REMEMBERED_MS = 10_000;
const REMEMBERED_HEADS = 50_000;

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
  /** Resolves when what was waiting at the time of the call is committed. Rejects if it is not. */
  flush(): Promise<void>;
  /** Writes what is waiting, once more, and stops. */
  close(): Promise<void>;
}

export function createHeads(deps: {
  store: Pick<ConversationStore, 'advanceHeads'>;
  clock: () => Date;
  log: Logger;
}): Heads {
  const remembered = new LRUCache<string, KnownHead>({
    max: REMEMBERED_HEADS,
    ttl: REMEMBERED_MS,
  });
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
        for (const advance of advances.slice(from)) wait(advance);
        nextWriteAt = performance.now() + RETRY_MS;
        const context = { err: error, conversations: advances.length - from };
        deps.log.warn(context, 'heads of conversations were not written; trying again');
        throw error;
      }
    }
  }

  function wait(advance: HeadAdvance): void {
    const known = waiting.get(advance.conversationId);
    if (known === undefined) waiting.set(advance.conversationId, copyOf(advance));
    else join(known, advance);
  }

  return {
    advance: (advances) => {
      remember(advances);
      for (const advance of advances) wait(advance);
      schedule();
    },
    remember,
    withRemembered: (head) => {
      const known = remembered.get(head._id);
      if (known === undefined) return head;
      const sent = { ...head.sent };
      for (const [userId, seq] of known.sent) sent[userId] = Math.max(seq, sent[userId] ?? 0);
      if (known.seq <= head.seq) return { ...head, sent };
      const { seq, lastId, at: lastAt, knownAt: headAt } = known;
      return { ...head, sent, seq, lastId, lastAt, headAt };
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

/** Moves a head on; never back. */
function join(known: HeadAdvance, advance: HeadAdvance): void {
  for (const [userId, seq] of advance.sent) {
    known.sent.set(userId, Math.max(seq, known.sent.get(userId) ?? 0));
  }
  if (advance.seq <= known.seq) return;
  known.seq = advance.seq;
  known.lastId = advance.lastId;
  known.at = advance.at;
}
