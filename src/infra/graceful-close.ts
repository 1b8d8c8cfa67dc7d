/** Ending an HTTP server without dropping what is under way. */
import type { Server as HttpServer } from 'node:http';
import type { Socket } from 'node:net';

/** Requests that take longer than this while the application stops are cut. */
const DRAIN_MS = 6_000;
/** Connections that never cease to come do not keep the application from stopping. */
const TAKE_IN_MS = 1_000;

/**
 * @returns a function that stops listening and lets what is under way finish: kept-alive
 *   connections end now or with their next answer, and everything else after the limit.
 */
export function gracefulClose(http: HttpServer): (close: () => Promise<void>) => Promise<void> {
  const connections = new Set<Socket>();
  /** Were answered, and have not asked anything since. */
  const kept = new Set<Socket>();
  let draining = false;
  let taken = 0;
  http.on('connection', (connection) => {
    taken++;
    connections.add(connection);
    connection.once('close', () => {
      connections.delete(connection);
      kept.delete(connection);
    });
  });
  http.on('upgrade', ({ socket }) => kept.delete(socket));
  http.prependListener('request', ({ socket }, res) => {
    kept.delete(socket);
    if (draining) res.setHeader('Connection', 'close');
    res.once('close', () => {
      if (!socket.destroyed) kept.add(socket);
    });
  });
  // Node's own counts a connection as idle that was just made and whose request is on its way;
  // a proxy in front could only answer that request with 502.
  http.closeIdleConnections = () => {
    for (const connection of kept) connection.end();
  };
  return async (close) => {
    draining = true;
    const idle = setInterval(() => http.closeIdleConnections(), 50);
    // Also of sockets whose clients are gone and never say so.
    const limit = setTimeout(() => {
      for (const connection of connections) connection.destroy();
    }, DRAIN_MS);
    try {
      // What connected and was not taken in is reset at the end of listening. A whole turn of the
      // event loop takes in one connection, so this waits for one that brings none.
      const giveUpAt = performance.now() + TAKE_IN_MS;
      await endOfTurn();
      let before: number;
      do {
        before = taken;
        await endOfTurn();
      } while (taken !== before && performance.now() < giveUpAt);
      const stopped = new Promise<void>((resolve) => http.close(() => resolve()));
      await close();
      await stopped;
    } finally {
      clearInterval(idle);
      clearTimeout(limit);
    }
  };
}

const endOfTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
