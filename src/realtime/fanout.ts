/**
 * The only place that emits to rooms.
 *
 * Across instances an event travels by the Socket.IO Redis adapter while Redis answers, else
 * through the bus, which then uses MongoDB. Sockets of this instance have it at once in both
 * cases. Alone, nothing leaves the process.
 */
import type { Bus } from '../infra/bus.ts';
import type { ChatServer } from '../infra/socket-server.ts';
import type { ServerToClientEvents } from '../protocol/events.ts';
import type { Message } from '../protocol/types.ts';

export interface Target {
  /** A socket that is in several of them gets the event once. */
  rooms: string[];
  /** Rooms or socket ids that do not get it. */
  except?: string[];
}

export interface Fanout {
  /** To the sockets in the rooms, on every instance. Never throws, never waits. */
  emit<E extends keyof ServerToClientEvents>(
    target: Target,
    event: E,
    ...args: Parameters<ServerToClientEvents[E]>
  ): void;
  /** To the sockets of this instance only. */
  emitLocal<E extends keyof ServerToClientEvents>(
    target: Target,
    event: E,
    ...args: Parameters<ServerToClientEvents[E]>
  ): void;
  /** Whether a socket of this instance is in the room. */
  reachesLocally(room: string): boolean;
  /** Called for each message that another instance told through the bus, which is without Redis. */
  onRemoteMessage(handler: (message: Message) => void): void;
}

interface RemoteEmit {
  target: Target;
  event: keyof ServerToClientEvents;
  args: never;
}

export function createFanout(deps: {
  io: ChatServer;
  bus: Pick<Bus, 'publish' | 'on'>;
  /** Whether the adapter reaches the other instances. */
  adapterWorks: () => boolean;
  peers: () => string[];
}): Fanout {
  const { io, bus } = deps;
  const messageHandlers: ((message: Message) => void)[] = [];

  const emitLocal: Fanout['emitLocal'] = (target, event, ...args) => {
    io.local
      .to(target.rooms)
      .except(target.except ?? [])
      .emit(event, ...args);
  };

  bus.on<RemoteEmit>('fanout.emit', ({ target, event, args }) => {
    emitLocal(target, event, ...(args as Parameters<ServerToClientEvents[typeof event]>));
    if (event !== 'newMessage' && event !== 'newGroupMessage') return;
    for (const handler of messageHandlers) handler((args as [Message])[0]);
  });

  return {
    reachesLocally: (room) => io.sockets.adapter.rooms.has(room),
    onRemoteMessage: (handler) => messageHandlers.push(handler),
    emitLocal,
    emit: (target, event, ...args) => {
      if (target.rooms.length === 0) return;
      const alone = deps.peers().length === 0;
      if (!alone && deps.adapterWorks()) {
        io.to(target.rooms)
          .except(target.except ?? [])
          .emit(event, ...args);
        return;
      }
      emitLocal(target, event, ...args);
      if (!alone) bus.publish('fanout.emit', { target, event, args });
    },
  };
}
