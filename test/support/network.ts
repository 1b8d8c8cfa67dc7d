/** A stretch of network in front of a server that can really be cut. */

import type { AddressInfo } from 'node:net';
import { connect, createServer, type Socket } from 'node:net';

export interface Network {
  url: string;
  cut(): void;
  restore(): void;
  /**
   * From now on until `restore` the server's answers stay on the way. Resolves when it has
   * answered what contains `text`, and somebody waits for that in vain.
   */
  holdAnswers(text: string): Promise<void>;
  close(): Promise<void>;
}

/** Opens a port that leads to the server. */
export async function openNetwork(serverUrl: string): Promise<Network> {
  const { hostname, port } = new URL(serverUrl);
  const sockets = new Set<Socket>();
  const asked = new Set<Socket>();
  let isCut = false;
  let awaited: string | undefined;
  let onAnswer: (() => void) | undefined;
  const server = createServer((near) => {
    if (isCut) {
      near.destroy();
      return;
    }
    const far = connect(Number(port), hostname);
    near.pipe(far);
    near.on('data', (data) => {
      if (awaited !== undefined && data.includes(awaited)) asked.add(far);
    });
    far.on('data', (data) => {
      if (onAnswer === undefined) near.write(data);
      else if (asked.has(far)) onAnswer();
    });
    far.on('end', () => near.end());
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
  const drop = () => {
    for (const socket of sockets) socket.destroy();
  };
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${address.port}`,
    cut() {
      isCut = true;
      drop();
    },
    restore() {
      isCut = false;
      onAnswer = undefined;
      awaited = undefined;
      asked.clear();
    },
    holdAnswers: (text) =>
      new Promise((resolve) => {
        awaited = text;
        onAnswer = resolve;
      }),
    close: async () => {
      drop();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
