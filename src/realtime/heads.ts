/**
 * Tells clients every 3 s where the conversations stand that moved, so that a message whose
 * delivery was lost (an instance died between commit and fan-out, a publish that Redis never
 * took) is noticed even when no further message follows: the client compares and syncs.
 */
import type { Bus } from '../infra/bus.ts';
import { AHEAD_MS } from '../infra/change-poll.ts';
import type { Cluster } from '../infra/cluster.ts';
import type { Logger } from '../infra/logger.ts';
import type { RedisLink } from '../infra/redis.ts';
import type { ConversationHead } from '../protocol/types.ts';
import type { Fanout } from './fanout.ts';
import { groupRoom, LEGACY_ROOM, userRoom } from './rooms.ts';

const EVERY_MS = 3_000;
/** Writes become visible out of the order of their clock times; so much is read again. */
const OVERLAP_MS = 5_000;
/** What is told anew after Redis returned or an instance died. */
const LOOK_BACK_MS = 60_000;

const HEADS_PER_READ = 5_000;

/** A conversation's head as the store gives it. */
export interface MovedHead {
  _id: string;
  seq: number;
  rev: number;
  lastId: string;
  headAt: Date | null;
}

/** The wire form of a head. */
export const presentHead = ({ _id, seq, rev, lastId }: MovedHead): ConversationHead => ({
  conversationId: _id,
  seq,
  rev,
  lastId,
});

const stateOf = ({ seq, rev, lastId }: MovedHead): string => `${seq}.${rev}.${lastId}`;

export interface HeadsBroadcaster {
  start(): Promise<void>;
  close(): Promise<void>;
}

export function createHeadsBroadcaster(deps: {
  conversations: {
    changedWithin(since: Date, until: Date, limit: number): Promise<MovedHead[]>;
    latestChange(): Promise<Date | undefined>;
  };
  /** Asks what the database's clock says; what carries a time yet to come is not looked at. */
  databaseNow: () => Promise<Date>;
  /** The two people of a direct conversation; undefined for a group. */
  directPartners: (conversationId: string) => [string, string] | undefined;
  fanout: Pick<Fanout, 'emitLocal' | 'reachesLocally'>;
  redis: RedisLink | undefined;
  /** Finds the heads again that a dead instance did not write. Never rejects. */
  recoverHeads: () => Promise<void>;
  bus: Pick<Bus, 'publish' | 'on'>;
  cluster: Pick<Cluster, 'instanceId' | 'peers' | 'onLeave'>;
  log: Logger;
}): HeadsBroadcaster {
  const { fanout, log } = deps;
  /** Conversation -> what was told, for those that moved lately. */
  let told = new Map<string, string>();
  let newest = new Date(0);
  /** The database's time of the last poll that told everything until then. */
  let toldUntil = new Date(0);
  /** When it was first seen: what is older may come for a while after that. */
  let newestSeenAt = Number.NEGATIVE_INFINITY;
  let timer: NodeJS.Timeout | undefined;
  let polling: Promise<void> | undefined;

  function roomsOf(conversationId: string): string[] {
    const partners = deps.directPartners(conversationId);
    const rooms = partners === undefined ? [groupRoom(conversationId)] : partners.map(userRoom);
    return rooms.filter((room) => fanout.reachesLocally(room));
  }

  async function tell(lookBackMs: number, again: boolean): Promise<void> {
    const toldNow = new Map<string, string>();
    const now = await deps.databaseNow();
    if (newest > now) moveTo(toldUntil < now && toldUntil.getTime() > 0 ? toldUntil : now);
    const until = new Date(now.getTime() + AHEAD_MS);
    const isQuiet = !again && performance.now() - newestSeenAt > lookBackMs;
    let since = new Date(newest.getTime() + (isQuiet ? 1 : -lookBackMs));
    for (;;) {
      const moved = await deps.conversations.changedWithin(since, until, HEADS_PER_READ);
      const unseen = moved.filter((head) => toldNow.get(head._id) !== stateOf(head));
      tellRooms(unseen.filter((head) => again || told.get(head._id) !== stateOf(head)));
      for (const head of unseen) toldNow.set(head._id, stateOf(head));
      const last = moved.at(-1)?.headAt;
      if (last !== undefined && last !== null) {
        since = last;
        if (last > newest) moveTo(last);
      }
      // The next page begins with the time at which this one ended, so some come twice; a page
      // that brings nothing new is the last.
      if (moved.length < HEADS_PER_READ || unseen.length === 0) break;
    }
    told = toldNow;
    toldUntil = now;
  }

  function moveTo(time: Date): void {
    newest = time;
    newestSeenAt = performance.now();
  }

  function tellRooms(heads: MovedHead[]): void {
    const byRoom = new Map<string, ConversationHead[]>();
    for (const head of heads) {
      for (const room of roomsOf(head._id)) {
        const list = byRoom.get(room);
        if (list === undefined) byRoom.set(room, [presentHead(head)]);
        else list.push(presentHead(head));
      }
    }
    for (const [room, list] of byRoom) {
      fanout.emitLocal({ rooms: [room], except: [LEGACY_ROOM] }, 'conversationHeads', list);
    }
  }

  function poll(lookBackMs: number, again: boolean): Promise<void> {
    const before = polling;
    const work = (before ?? Promise.resolve())
      .then(() => tell(lookBackMs, again))
      .catch((error: unknown) => {
        log.warn({ err: error }, 'the moved conversations could not be read; trying again in 3 s');
      })
      .finally(() => {
        if (polling === work) polling = undefined;
      });
    polling = work;
    return work;
  }

  const tellAgain = (): Promise<void> => poll(LOOK_BACK_MS, true);

  /** One of the living does it for all, and tells the others when it is done. */
  async function recover(): Promise<void> {
    if (deps.cluster.peers().some((peer) => peer < deps.cluster.instanceId)) return;
    await deps.recoverHeads();
    deps.bus.publish('heads.recovered', {});
    await tellAgain();
  }

  deps.redis?.onChange((available) => {
    if (available) void tellAgain();
  });
  // Not waited for: the bus has more to say meanwhile.
  deps.bus.on('heads.recovered', () => void tellAgain());
  deps.cluster.onLeave(() => {
    void tellAgain();
    void recover();
  });

  return {
    start: async () => {
      const latest = (await deps.conversations.latestChange()) ?? new Date(0);
      const now = await deps.databaseNow();
      newest = latest > now ? now : latest;
      timer = setInterval(() => {
        if (polling === undefined) void poll(OVERLAP_MS, false);
      }, EVERY_MS);
    },
    close: async () => {
      clearInterval(timer);
      await polling;
    },
  };
}
