/**
 * The Socket.IO server and its Redis adapter.
 *
 * The adapter does not catch a failing publish, which would end the process some seconds
 * after Redis died; the connection it gets therefore answers every publish itself and
 * reports failures to the breaker.
 */
import type { Server as HttpServer, IncomingMessage } from 'node:http';
import type { Socket as NodeSocket } from 'node:net';
import { createAdapter } from '@socket.io/redis-adapter';
import { type DefaultEventsMap, Server, type Socket } from 'socket.io';
import type { ClientToServerEvents, ServerToClientEvents } from '../protocol/events.ts';
import { limits } from '../protocol/limits.ts';
import type { RedisLink } from './redis.ts';

/** What the server knows of a socket. */
export interface SocketData {
  userId: string;
  sessionId: string;
  /** 0: the client named none. */
  protocol: number;
}

export type ChatServer = Server<
  ClientToServerEvents,
  ServerToClientEvents,
  DefaultEventsMap,
  SocketData
>;
export type ChatSocket = Socket<
  ClientToServerEvents,
  ServerToClientEvents,
  DefaultEventsMap,
  SocketData
>;

/** @param isKnownOrigin decides over every handshake, WebSocket and polling alike. */
export function createSocketServer(deps: {
  http: HttpServer;
  redis: RedisLink | undefined;
  namespace: string;
  corsOrigins: string[];
  isKnownOrigin: (request: IncomingMessage) => boolean;
}): ChatServer {
  const io: ChatServer = new Server(deps.http, {
    serveClient: false,
    maxHttpBufferSize: limits.socketPacketBytes,
    perMessageDeflate: false,
    httpCompression: false,
    cors: { origin: deps.corsOrigins, credentials: true },
    // `cors` alone does not stop a WebSocket from a foreign page.
    allowRequest: (request, decide) => decide(null, deps.isKnownOrigin(request)),
    connectTimeout: 10_000,
    pingInterval: 20_000,
    pingTimeout: 20_000,
  });
  if (deps.redis !== undefined) {
    io.adapter(
      createAdapter(guardedPublisher(deps.redis), guardedSubscriber(deps.redis), {
        key: `${deps.namespace}:socket.io`,
      }),
    );
  }
  io.engine.on('connection', joinWrites);
  return io;
}

/**
 * What one client is sent within a turn of the event loop leaves in one write. Engine.IO would
 * make a system call for each packet, and a batch brings a client several acknowledgements and
 * messages at once.
 */
function joinWrites(conn: EngineSocket): void {
  const flush = conn.flush.bind(conn);
  let scheduled = false;
  conn.flush = () => {
    if (scheduled || conn.writeBuffer.length === 0) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      const connection = conn.transport.socket?._socket;
      connection?.cork();
      flush();
      connection?.uncork();
    });
  };
}

/** Of Engine.IO's connection what its types leave out. */
interface EngineSocket {
  flush(): void;
  /** Packets that were not handed to the transport yet. */
  writeBuffer: { data?: unknown }[];
  /** Of a WebSocket its `ws`; polling has none. */
  transport: { socket?: { _socket?: NodeSocket | null; terminate(): void } };
}

const engineSocketOf = (socket: ChatSocket) => socket.conn as unknown as EngineSocket;

function guardedPublisher(redis: RedisLink) {
  const { commands } = redis;
  return {
    publish: async (channel: string, message: string | Buffer): Promise<number> => {
      if (!redis.available()) return 0;
      try {
        return await commands.publish(channel, message);
      } catch (error) {
        redis.reportFailure(error);
        return 0;
      }
    },
    on: commands.on.bind(commands),
    off: commands.off.bind(commands),
    listenerCount: commands.listenerCount.bind(commands),
  };
}

function guardedSubscriber(redis: RedisLink) {
  const { subscriber } = redis;
  const names = (given: string | string[]): string[] => (Array.isArray(given) ? given : [given]);
  // Fails only when the connection is closed for good; then there is nobody to tell.
  const leave =
    (command: (...channels: string[]) => Promise<unknown>) =>
    (channels: string | string[]): Promise<unknown> =>
      command.apply(subscriber, names(channels)).catch(() => undefined);
  return {
    subscribe: (channels: string | string[]) => redis.subscribe(...names(channels)),
    psubscribe: (patterns: string | string[]) => redis.psubscribe(...names(patterns)),
    unsubscribe: leave(subscriber.unsubscribe),
    punsubscribe: leave(subscriber.punsubscribe),
    on: subscriber.on.bind(subscriber),
    off: subscriber.off.bind(subscriber),
    listenerCount: subscriber.listenerCount.bind(subscriber),
  };
}

/** Packets and bytes that may wait for one client; who reads slower is cut, and syncs. */
const MOST_PACKETS = 2_000;
const MOST_BYTES = 4 * 1024 * 1024;

/** Whether more waits for a socket's client than may. */
export function readsTooSlowly(socket: ChatSocket): boolean {
  const { writeBuffer } = engineSocketOf(socket);
  if (writeBuffer.length > MOST_PACKETS) return true;
  let bytes = 0;
  for (const { data } of writeBuffer) {
    if (typeof data === 'string' || Buffer.isBuffer(data)) bytes += data.length;
    if (bytes > MOST_BYTES) return true;
  }
  return false;
}

/** Ends a connection at once: a polite farewell would wait behind everything else. */
export function cutOff(socket: ChatSocket): void {
  const webSocket = engineSocketOf(socket).transport.socket;
  if (webSocket === undefined) socket.conn.close(true);
  else webSocket.terminate();
}
