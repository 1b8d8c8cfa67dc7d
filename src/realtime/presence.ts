/**
 * Who is online, over all instances.
 *
 * Each instance knows its own sockets and keeps a copy of every other's set of users, carried
 * by the bus: a difference when something changed, the whole set when a peer appears or says
 * that its copy is of another version. An instance that dies takes its users offline.
 *
 * Changes are joined over a window that grows with the number of sockets, and told to those
 * who watch the person. Nobody but clients without a protocol version gets the full list.
 */
import type { Bus } from '../infra/bus.ts';
import type { Cluster } from '../infra/cluster.ts';
import type { Logger } from '../infra/logger.ts';
import type { PresenceState } from '../protocol/types.ts';
import type { Fanout } from './fanout.ts';
import { LEGACY_ROOM } from './rooms.ts';

const MIN_WINDOW_MS = 250;
/** At 4,000 sockets the window is a second. */
const SOCKETS_PER_MS = 4;

export interface Presence {
  isOnline(userId: string): boolean;
  onlineUsers(): string[];
  /** A socket of the user opened here. */
  connected(userId: string): void;
  /** A socket of the user closed here. */
  disconnected(userId: string): void;
  /** Replaces the set of people whose changes the socket wants. */
  watch(socketId: string, userIds: string[]): void;
  unwatch(socketId: string): void;
  close(): Promise<void>;
}

interface Delta {
  version: number;
  online: string[];
  offline: string[];
}
interface Snapshot {
  version: number;
  users: string[];
}

export function createPresence(deps: {
  bus: Pick<Bus, 'publish' | 'on'>;
  cluster: Pick<Cluster, 'instanceId' | 'peers' | 'onJoin' | 'onLeave' | 'onBeat'>;
  fanout: Pick<Fanout, 'emitLocal' | 'reachesLocally'>;
  touchLastSeen: (userIds: string[], at: Date) => Promise<void>;
  clock: () => Date;
  log: Logger;
}): Presence {
  const { bus, cluster, fanout } = deps;
  /** User -> sockets here. */
  const local = new Map<string, number>();
  const remote = new Map<string, { version: number; users: Set<string> }>();
  /** User -> instances on which they are online. */
  const instancesOf = new Map<string, number>();
  const watched = new Map<string, string[]>();
  const watchers = new Map<string, Set<string>>();
  /** Who came or went since the window opened, also if both. */
  const changed = new Set<string>();
  const localChanges = new Set<string>();
  /** What the peers know of this instance. */
  const published = new Set<string>();
  let version = 0;
  let sockets = 0;
  let timer: NodeJS.Timeout | undefined;
  let lastWrite = Promise.resolve();

  const isOnline = (userId: string): boolean => instancesOf.has(userId);

  function count(userId: string, step: 1 | -1): void {
    changed.add(userId);
    const instances = (instancesOf.get(userId) ?? 0) + step;
    if (instances > 0) instancesOf.set(userId, instances);
    else instancesOf.delete(userId);
    timer ??= setTimeout(flush, Math.max(MIN_WINDOW_MS, sockets / SOCKETS_PER_MS));
  }

  function flush(): void {
    timer = undefined;
    tellPeers();
    const at = deps.clock();
    // Also who is as before: somebody may have asked within the window, and been told otherwise.
    const states = [...changed].map(
      (userId): PresenceState => ({
        userId,
        online: isOnline(userId),
        lastSeenAt: at.toISOString(),
      }),
    );
    changed.clear();
    if (states.length === 0) return;
    tellWatchers(states);
    if (fanout.reachesLocally(LEGACY_ROOM)) {
      fanout.emitLocal({ rooms: [LEGACY_ROOM] }, 'getOnlineUsers', [...instancesOf.keys()]);
    }
  }

  function tellPeers(): void {
    const online: string[] = [];
    const offline: string[] = [];
    for (const userId of localChanges) {
      if (local.has(userId) && !published.has(userId)) online.push(userId);
      else if (!local.has(userId) && published.has(userId)) offline.push(userId);
    }
    localChanges.clear();
    if (online.length === 0 && offline.length === 0) return;
    for (const userId of online) published.add(userId);
    for (const userId of offline) published.delete(userId);
    version++;
    if (cluster.peers().length > 0) bus.publish('presence.delta', { version, online, offline });
    if (offline.length > 0) rememberLastSeen(offline);
  }

  function rememberLastSeen(userIds: string[]): void {
    lastWrite = deps.touchLastSeen(userIds, deps.clock()).catch((error: unknown) => {
      deps.log.warn({ err: error, users: userIds.length }, '"last seen" could not be stored');
    });
  }

  function tellWatchers(states: PresenceState[]): void {
    const bySocket = new Map<string, PresenceState[]>();
    for (const state of states) {
      for (const socketId of watchers.get(state.userId) ?? []) {
        const list = bySocket.get(socketId);
        if (list === undefined) bySocket.set(socketId, [state]);
        else list.push(state);
      }
    }
    for (const [socketId, list] of bySocket) {
      fanout.emitLocal({ rooms: [socketId] }, 'presence', list);
    }
  }

  function replaceRemote(instanceId: string, next: Snapshot): void {
    const users = new Set(next.users);
    const before = remote.get(instanceId)?.users ?? new Set<string>();
    for (const userId of before) if (!users.has(userId)) count(userId, -1);
    for (const userId of users) if (!before.has(userId)) count(userId, 1);
    remote.set(instanceId, { version: next.version, users });
  }

  function publishSnapshot(): void {
    bus.publish('presence.snapshot', { version, users: [...published] });
  }

  bus.on<Delta>('presence.delta', (delta, from) => {
    const known = remote.get(from);
    // A difference to an unknown or other version is of no use; the next beat asks for all.
    if (known === undefined || known.version !== delta.version - 1) return;
    for (const userId of delta.online) {
      if (!known.users.has(userId)) count(userId, 1);
      known.users.add(userId);
    }
    for (const userId of delta.offline) if (known.users.delete(userId)) count(userId, -1);
    known.version = delta.version;
  });
  bus.on<Snapshot>('presence.snapshot', (snapshot, from) => replaceRemote(from, snapshot));
  bus.on<{ version: number }>('presence.version', (beat, from) => {
    if (remote.get(from)?.version !== beat.version) bus.publish('presence.request', { of: from });
  });
  bus.on<{ of: string }>('presence.request', ({ of }) => {
    if (of === cluster.instanceId) publishSnapshot();
  });
  cluster.onJoin(publishSnapshot);
  cluster.onLeave((instanceId) => {
    replaceRemote(instanceId, { version: 0, users: [] });
    remote.delete(instanceId);
  });
  cluster.onBeat(() => {
    if (cluster.peers().length > 0) bus.publish('presence.version', { version });
  });

  return {
    isOnline,
    onlineUsers: () => [...instancesOf.keys()],
    connected: (userId) => {
      sockets++;
      const before = local.get(userId) ?? 0;
      local.set(userId, before + 1);
      if (before > 0) return;
      localChanges.add(userId);
      count(userId, 1);
    },
    disconnected: (userId) => {
      sockets--;
      const after = (local.get(userId) ?? 0) - 1;
      if (after > 0) {
        local.set(userId, after);
        return;
      }
      local.delete(userId);
      localChanges.add(userId);
      count(userId, -1);
    },
    watch: (socketId, userIds) => {
      unwatch(socketId);
      watched.set(socketId, userIds);
      for (const userId of userIds) {
        const sockets = watchers.get(userId);
        if (sockets === undefined) watchers.set(userId, new Set([socketId]));
        else sockets.add(socketId);
      }
    },
    unwatch,
    close: async () => {
      clearTimeout(timer);
      flush();
      await lastWrite;
    },
  };

  function unwatch(socketId: string): void {
    for (const userId of watched.get(socketId) ?? []) {
      const sockets = watchers.get(userId);
      sockets?.delete(socketId);
      if (sockets?.size === 0) watchers.delete(userId);
    }
    watched.delete(socketId);
  }
}
