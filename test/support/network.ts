/** A stretch of network in front of a server: it can be cut, slowed down, and lose what it carries. */
import type { AddressInfo } from 'node:net';
import { connect, createServer, type Socket } from 'node:net';

export interface Network {
  url: string;
  /** Ends all connections and takes no more. */
  cut(): void;
  /** As before: nothing is cut, held, swallowed or slowed. */
  restore(): void;
  /**
   * Keeps what the server answers to whatever contains `text`, until `restore`. Resolves when
   * it has answered, and somebody waits for that in vain.
   */
  holdAnswers(text: string): Promise<void>;
  /** From now on everything is swallowed, both ways; connections seem to stay. */
  swallow(): void;
  /** From now on the server takes nothing of what clients send on their present connections. */
  stall(): void;
  /** Ends all present connections abruptly, as a router that forgot them. */
  reset(): void;
  /** From now on clients get so many bytes a second. */
  slow(bytesPerSecond: number): void;
  close(): Promise<void>;
}

/** Opens a port that leads to the server. */
export async function openNetwork(serverUrl: string): Promise<Network> {
  const { hostname, port } = new URL(serverUrl);
  const sockets = new Set<Socket>();
  const nearSockets = new Set<Socket>();
  const asked = new Set<Socket>();
  let state: 'open' | 'cut' | 'swallowing' = 'open';
  let held: { text: string; onAnswer: () => void } | undefined;
  let bytesPerSecond = Number.POSITIVE_INFINITY;

  const server = createServer((near) => {
    if (state === 'cut') {
      near.destroy();
      return;
    }
    const far = connect(Number(port), hostname);
    near.on('data', (data) => {
      if (held !== undefined && data.includes(held.text)) asked.add(far);
      if (state !== 'swallowing') pass(data, near, far);
    });
    far.on('data', (data) => {
      if (held !== undefined && asked.has(far)) held.onAnswer();
      else if (state !== 'swallowing') {
        pass(data, far, near);
        rest(far, data.length);
      }
    });
    near.on('end', () => far.end());
    far.on('end', () => near.end());
    nearSockets.add(near);
    near.on('close', () => nearSockets.delete(near));
    for (const socket of [near, far]) {
      sockets.add(socket);
      // Cutting makes errors on purpose.
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
  });

  /** The sender feels it when the receiver takes no more. */
  function pass(data: Buffer, from: Socket, to: Socket): void {
    if (to.write(data)) return;
    from.pause();
    to.once('drain', () => from.resume());
  }

  function rest(far: Socket, bytes: number): void {
    const ms = (bytes / bytesPerSecond) * 1_000;
    if (ms < 1) return;
    far.pause();
    const timer = setInterval(() => {
      // Also when the network was restored meanwhile.
      if (bytesPerSecond !== Number.POSITIVE_INFINITY && performance.now() < until) return;
      clearInterval(timer);
      far.resume();
    }, 20);
    const until = performance.now() + ms;
  }

  const drop = (end: (socket: Socket) => void) => {
    for (const socket of sockets) end(socket);
  };
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${address.port}`,
    cut() {
      state = 'cut';
      drop((socket) => socket.destroy());
    },
    restore() {
      state = 'open';
      held = undefined;
      asked.clear();
      bytesPerSecond = Number.POSITIVE_INFINITY;
    },
    holdAnswers: (text) =>
      new Promise((resolve) => {
        held = { text, onAnswer: resolve };
      }),
    swallow() {
      state = 'swallowing';
    },
    stall() {
      for (const socket of nearSockets) socket.pause();
    },
    reset: () => drop((socket) => socket.resetAndDestroy()),
    slow(bytes) {
      bytesPerSecond = bytes;
    },
    close: async () => {
      drop((socket) => socket.destroy());
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
