/** X-Request-Id, X-Response-Time and Server-Timing on every response, refusals included. */
import type { Request, RequestHandler } from 'express';

/** @returns a middleware that must come first. Times are milliseconds. */
export function trackTiming(requestIdOf: (req: Request) => string): RequestHandler {
  return (req, res, next) => {
    const startedAt = performance.now();
    const writeHead = res.writeHead;
    // The headers are set when they are about to be written, whoever writes them.
    res.writeHead = function (this: typeof res, ...args: unknown[]) {
      const ms = (performance.now() - startedAt).toFixed(2);
      this.setHeader('X-Request-Id', requestIdOf(req));
      this.setHeader('X-Response-Time', ms);
      this.setHeader('Server-Timing', `app;dur=${ms}`);
      return Reflect.apply(writeHead, this, args);
    } as typeof writeHead;
    next();
  };
}
