/**
 * Requests over keep-alive connections, with so little work that it is the server that is
 * measured: requests are bytes made beforehand, of answers only status and length are read.
 */
import { connect, type Socket } from 'node:net';

/** The bytes of one request. */
export const request = (
  method: string,
  path: string,
  headers: Record<string, string>,
  body?: unknown,
): Buffer => {
  const text = body === undefined ? '' : JSON.stringify(body);
  const all = {
    Host: 'bench',
    ...headers,
    ...(text === ''
      ? {}
      : { 'Content-Type': 'application/json', 'Content-Length': `${Buffer.byteLength(text)}` }),
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${text}`);
};

export interface HttpFigures {
  answers: number;
  /** Answers a second. */
  rate: number;
  /** Milliseconds; in an open loop from the time a request was due. */
  p50: number;
  p99: number;
  /** Answers with another status than 2xx. */
  refused: number;
  /** Bytes of bodies. */
  bytes: number;
}

export interface HttpLoad {
  /** Each connection asks again as soon as it is answered. */
  closed(next: () => Buffer, seconds: number): Promise<HttpFigures>;
  /** `rate` requests a second, whatever the answers do. */
  open(next: () => Buffer, rate: number, seconds: number): Promise<HttpFigures>;
}

interface Asked {
  /** When it was due, of performance.now(). */
  at: number;
  done: (at: number, status: number, bytes: number) => void;
}

/** One connection with one request under way at a time. */
class Connection {
  readonly #socket: Socket;
  #asked: Asked | undefined;
  #status = 0;
  #length = 0;
  #left = -1;
  #head = '';

  /** Rejects when the server closes it, and with it what was asked. */
  readonly lost: Promise<never>;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#read(chunk));
    this.lost = new Promise((_resolve, reject) => {
      socket.on('close', () => reject(new Error('the server closed a connection')));
    });
    this.lost.catch(() => undefined);
  }

  ask(bytes: Buffer, asked: Asked): void {
    this.#asked = asked;
    this.#socket.write(bytes);
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    let body = chunk.length;
    if (this.#left < 0) {
      const end = chunk.indexOf('\r\n\r\n');
      this.#head += chunk.toString('latin1', 0, end < 0 ? chunk.length : end);
      if (end < 0) return;
      this.#status = Number(this.#head.slice(9, 12));
      this.#length = Number(/\r\ncontent-length: (\d+)/i.exec(this.#head)?.[1] ?? 0);
      this.#left = this.#length;
      this.#head = '';
      body = chunk.length - end - 4;
    }
    this.#left -= body;
    if (this.#left > 0) return;
    this.#left = -1;
    const asked = this.#asked;
    this.#asked = undefined;
    asked?.done(asked.at, this.#status, this.#length);
  }
}

/** Connections are opened for each run, because servers close those that are idle for a while. */
export function httpLoad(url: string, count: number): HttpLoad {
  const { hostname, port } = new URL(url);
  const openAll = (): Promise<Connection[]> =>
    Promise.all(
      Array.from(
        { length: count },
        () =>
          new Promise<Connection>((resolve, reject) => {
            const socket = connect(Number(port), hostname);
            socket.once('error', reject);
            socket.once('connect', () => resolve(new Connection(socket)));
          }),
      ),
    );

  async function over(
    run: (connections: Connection[], collected: ReturnType<typeof collect>) => Promise<void>,
  ): Promise<HttpFigures> {
    const connections = await openAll();
    const collected = collect();
    try {
      const lost = Promise.race(connections.map((connection) => connection.lost));
      await Promise.race([run(connections, collected), lost]);
      return collected.figures();
    } finally {
      for (const connection of connections) connection.close();
    }
  }

  function collect() {
    const times: number[] = [];
    let refused = 0;
    let bytes = 0;
    const began = performance.now();
    return {
      took: (at: number, status: number, length: number): void => {
        times.push(performance.now() - at);
        bytes += length;
        if (status < 200 || status > 299) refused++;
      },
      figures: (): HttpFigures => {
        const seconds = (performance.now() - began) / 1_000;
        times.sort((a, b) => a - b);
        const at = (share: number): number => times[Math.floor(times.length * share)] ?? 0;
        return {
          answers: times.length,
          rate: times.length / seconds,
          p50: at(0.5),
          p99: at(0.99),
          refused,
          bytes,
        };
      },
    };
  }

  return {
    closed: (next, seconds) =>
      over(
        (connections, { took }) =>
          new Promise((resolve) => {
            const until = performance.now() + seconds * 1_000;
            let busy = connections.length;
            for (const connection of connections) {
              const again = (): void => {
                if (performance.now() > until) {
                  if (--busy === 0) resolve();
                  return;
                }
                connection.ask(next(), {
                  at: performance.now(),
                  done: (at, status, bytes) => {
                    took(at, status, bytes);
                    again();
                  },
                });
              };
              again();
            }
          }),
      ),
    open: (next, rate, seconds) =>
      over(
        (connections, { took }) =>
          new Promise((resolve) => {
            const began = performance.now();
            const total = Math.round(rate * seconds);
            const waiting: number[] = [];
            const free = [...connections];
            let asked = 0;
            let answered = 0;
            const send = (): void => {
              while (waiting.length > 0) {
                // In turn: one that is never used would be closed by the server.
                const connection = free.shift();
                if (connection === undefined) return;
                connection.ask(next(), {
                  at: waiting.shift() ?? 0,
                  done: (at, status, bytes) => {
                    took(at, status, bytes);
                    free.push(connection);
                    if (++answered === total) resolve();
                    else send();
                  },
                });
              }
            };
            const timer = setInterval(() => {
              const now = performance.now();
              for (; asked < total && began + (asked / rate) * 1_000 <= now; asked++) {
                waiting.push(began + (asked / rate) * 1_000);
              }
              send();
              if (asked === total) clearInterval(timer);
            }, 1);
          }),
      ),
  };
}
