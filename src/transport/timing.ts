/** X-Request-Id, X-Response-Time and Server-Timing on every response, refusals included. */
import { randomUUID } from 'node:crypto';
import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Request, RequestHandler } from 'express';

/** A stranger may send any word as a method, and each would be a series of its own. */
const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** The name that a proxy gave a request, if it is a harmless one; else a new one. Always the same. */
export function requestIdOf(request: IncomingMessage): string {
  const named = request as IncomingMessage & { requestId?: string };
  if (named.requestId !== undefined) return named.requestId;
  const given = request.headers['x-request-id'];
  const isHarmless = typeof given === 'string' && /^[\w-]{8,64}$/.test(given);
  named.requestId = isHarmless ? given : randomUUID();
  return named.requestId;
}

const headersOf = (requestId: string, ms: string): [string, string][] => [
  ['X-Request-Id', requestId],
  ['X-Response-Time', ms],
  ['Server-Timing', `app;dur=${ms}`],
];

/** Sets the headers when they are about to be written, whoever writes them. */
function setHeaders(
  request: IncomingMessage,
  response: ServerResponse,
  onHead: (ms: number) => void = () => undefined,
): void {
  const startedAt = performance.now();
  const writeHead = response.writeHead;
  response.writeHead = function (this: ServerResponse, ...args: unknown[]) {
    const took = performance.now() - startedAt;
    for (const [name, value] of headersOf(requestIdOf(request), took.toFixed(2))) {
      this.setHeader(name, value);
    }
    const written = Reflect.apply(writeHead, this, args);
    onHead(took);
    return written;
  } as typeof writeHead;
}

/**
 * @param measure told of every response: the path of its route as the router has it, so that there
 *   are as many as there are routes; "other" for files and what is no route
 * @returns a middleware that must come first. Times in headers are milliseconds.
 */
export function trackTiming(
  measure: (labels: { method: string; route: string; status: number }, seconds: number) => void,
): RequestHandler {
  return (req, res, next) => {
    setHeaders(req, res, (took) => {
      const labels = {
        method: methods.has(req.method) ? req.method : 'other',
        route: routeOf(req, res.locals),
        status: res.statusCode,
      };
      measure(labels, took / 1_000);
    });
    next();
  };
}

/** A router of others' says which of ours it is: `res.locals.route`. */
function routeOf(req: Request, locals: { route?: unknown }): string {
  const route: unknown = locals.route ?? req.route?.path;
  return typeof route === 'string' ? route : 'other';
}

/**
 * The same for what does not reach Express: Socket.IO's own answers by polling, its upgrades to
 * WebSocket and its refusals of both, and Node's refusals of what is no HTTP. They are not
 * measured: a long poll takes as long as nothing happens.
 */
export function timeWithoutExpress(http: HttpServer, isOurs: (url: string) => boolean): void {
  http.prependListener('request', (request: IncomingMessage, response: ServerResponse) => {
    if (!isOurs(request.url ?? '')) setHeaders(request, response);
  });
  http.prependListener('upgrade', (request: IncomingMessage, connection: Duplex) => {
    const startedAt = performance.now();
    addToHead(connection, () => {
      const ms = (performance.now() - startedAt).toFixed(2);
      return headersOf(requestIdOf(request), ms);
    });
  });
  http.on('clientError', (error: NodeJS.ErrnoException, connection: Duplex) => {
    // Its response may be under way; then there is nothing that could be said.
    const response = (connection as { _httpMessage?: ServerResponse })._httpMessage;
    if (connection.writable && !response?.headersSent) {
      const lines = headersOf(randomUUID(), '0.00').map(([name, value]) => `${name}: ${value}`);
      const status = statuses[error.code ?? ''] ?? '400 Bad Request';
      connection.write(
        [`HTTP/1.1 ${status}`, 'Connection: close', 'Content-Length: 0', ...lines, '', ''].join(
          '\r\n',
        ),
      );
    }
    connection.destroy();
  });
}

/** As Node answers by itself. */
const statuses: Record<string, string> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: '413 Payload Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};

/**
 * The answer to an upgrade is written to the connection itself, as text, and its head comes
 * first. After that the connection is as it was.
 */
function addToHead(connection: Duplex, headers: () => [string, string][]): void {
  const own = { write: connection.write, end: connection.end };
  const widen = (chunk: unknown): unknown => {
    // What was laid over the prototype's is taken away.
    for (const name of ['write', 'end'] as const) Reflect.deleteProperty(connection, name);
    if (typeof chunk !== 'string' || !chunk.startsWith('HTTP/1.1 ')) return chunk;
    const lines = headers().map(([name, value]) => `${name}: ${value}\r\n`);
    const afterStatus = chunk.indexOf('\r\n') + 2;
    return chunk.slice(0, afterStatus) + lines.join('') + chunk.slice(afterStatus);
  };
  connection.write = ((chunk: unknown, ...rest: unknown[]) =>
    Reflect.apply(own.write, connection, [widen(chunk), ...rest])) as Duplex['write'];
  connection.end = ((chunk: unknown, ...rest: unknown[]) =>
    Reflect.apply(own.end, connection, [widen(chunk), ...rest])) as Duplex['end'];
}
