/**
 * Which instances are alive, and which of them owns a conversation.
 *
 * Every instance says so twice a second; who has been silent for 2.5 s is taken for dead.
 * Ownership is a rendezvous hash over the living: when an instance comes or goes, only its
 * own conversations move. Ownership avoids collisions of writers and is never needed for
 * correctness, so a moment of disagreement is harmless.
 */
import type { Bus } from './bus.ts';
import type { Logger } from './logger.ts';

const HEARTBEAT_MS = 500;
/**
 * What an instance leaves undone is made good within 5 s of its death; recovering heads and
 * telling clients needs the rest of that time.
 */
const DEAD_AFTER_MS = 2_500;

export interface Cluster {
  readonly instanceId: string;
  /** The other live instances. */
  peers(): string[];
  /** The instance that numbers the conversation's messages. */
  ownerOf(conversationId: string): string;
  onJoin(handler: (instanceId: string) => void): void;
  /** Called when an instance left in order or was silent for too long. */
  onLeave(handler: (instanceId: string) => void): void;
  /** Called with each heartbeat, before it. */
  onBeat(handler: () => void): void;
  start(): void;
  close(): void;
}

export function createCluster(deps: { instanceId: string; bus: Bus; log: Logger }): Cluster {
  const { instanceId, log } = deps;
  const lastSeen = new Map<string, number>();
  const joined: ((id: string) => void)[] = [];
  const left: ((id: string) => void)[] = [];
  const beats: (() => void)[] = [];
  let timer: NodeJS.Timeout | undefined;

  function see(peer: string): void {
    const isNew = !lastSeen.has(peer);
    lastSeen.set(peer, performance.now());
    if (!isNew) return;
    log.info({ peer }, 'an instance joined');
    // Answered at once, so that a new instance knows everyone before its first client.
    deps.bus.publish('cluster.beat', {});
    for (const handler of joined) handler(peer);
  }

  function forget(peer: string, reason: string): void {
    if (!lastSeen.delete(peer)) return;
    log.info({ peer, reason }, 'an instance left');
    for (const handler of left) handler(peer);
  }

  function beat(): void {
    const now = performance.now();
    for (const [peer, seen] of lastSeen) {
      if (now - seen > DEAD_AFTER_MS) forget(peer, 'silent');
    }
    for (const handler of beats) handler();
    deps.bus.publish('cluster.beat', {});
  }

  return {
    instanceId,
    peers: () => [...lastSeen.keys()],
    ownerOf: (conversationId) => rendezvous(conversationId, instanceId, lastSeen.keys()),
    onJoin: (handler) => joined.push(handler),
    onLeave: (handler) => left.push(handler),
    onBeat: (handler) => beats.push(handler),
    start: () => {
      deps.bus.on('cluster.beat', (_payload, from) => see(from));
      deps.bus.on('cluster.leave', (_payload, from) => forget(from, 'stopped'));
      beat();
      timer = setInterval(beat, HEARTBEAT_MS);
    },
    close: () => {
      clearInterval(timer);
      deps.bus.publish('cluster.leave', {});
    },
  };
}

/** Highest random weight: every instance computes the same owner without asking anyone. */
function rendezvous(key: string, self: string, others: Iterable<string>): string {
  let owner = self;
  let best = -1;
  for (const candidate of others) {
    if (best === -1) best = weight(self, key);
    const score = weight(candidate, key);
    if (score > best || (score === best && candidate > owner)) {
      owner = candidate;
      best = score;
    }
  }
  return owner;
}

/** FNV-1a, 32 bits, over the candidate and the key, finished as murmur3 does. */
function weight(candidate: string, key: string): number {
  let hash = 0x811c9dc5;
  for (const text of [candidate, key]) {
    for (let i = 0; i < text.length; i++) {
      hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    }
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
