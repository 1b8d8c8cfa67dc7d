/**
 * The limits of HTTP: express-rate-limit counts by the stores of infra/rate-limit.ts and sets
 * the RateLimit headers; a refusal becomes a problem like any other.
 */
import type { Request, RequestHandler, Response } from 'express';
import { rateLimit } from 'express-rate-limit';
import type { PromptRateStore } from '../infra/prompt-rate-store.ts';
import type { Limit, RateLimits } from '../infra/rate-limit.ts';
import type { Tally } from '../infra/rate-limit-store.ts';

export type HttpLimits = ReturnType<typeof createHttpLimits>;

export function createHttpLimits(limits: Pick<RateLimits, 'check'>) {
  const handlers = new Map<Limit, RequestHandler>();
  const keys = new WeakMap<Response, string>();

  function handlerOf(limit: Limit): RequestHandler {
    const known = handlers.get(limit);
    if (known !== undefined) return known;
    const handler = rateLimit({
      windowMs: limit.windowMs,
      limit: limit.quota,
      store: limit.store,
      identifier: limit.name,
      keyGenerator: (_req, res) => keys.get(res) ?? '',
      standardHeaders: 'draft-8',
      legacyHeaders: false,
      handler: (req, _res, next) => {
        const { used, resetTime } = (req as Request & { rateLimit: Taken }).rateLimit;
        try {
          limits.check(limit, { totalHits: used, resetTime });
        } catch (error) {
          next(error);
        }
      },
      // It would write to the console, once per process, and keep what it saw in its module.
      validate: false,
    });
    handlers.set(limit, handler);
    return handler;
  }

  return {
    /**
     * Counts a request, and says in its headers what is left.
     * @throws AppError rate_limited
     */
    take: (req: Request, res: Response, limit: Limit, key: string): Promise<void> =>
      new Promise((resolve, reject) => {
        keys.set(res, key);
        handlerOf(limit)(req, res, (error?: unknown) =>
          error === undefined ? resolve() : reject(error),
        );
      }),
    /**
     * The same for the limits that count promptly, which are those of users: without waiting
     * where that is possible, and without the library, whose middleware waits eight times.
     * @throws AppError rate_limited
     */
    takePromptly: (
      res: Response,
      limit: Limit<PromptRateStore>,
      key: string,
    ): void | Promise<void> => {
      const finish = (tally: Tally): void => {
        setHeaders(res, limit, tally);
        limits.check(limit, tally);
      };
      const tally = limit.store.hit(key);
      if (tally instanceof Promise) return tally.then(finish);
      finish(tally);
    },
  };
}

/** As draft-ietf-httpapi-ratelimit-headers-08 and the library have them; every user is one key. */
function setHeaders(res: Response, limit: Limit, { totalHits, resetTime }: Tally): void {
  const { name, quota, windowMs } = limit;
  const left = Math.max(0, quota - totalHits);
  const seconds = Math.max(0, Math.ceil((resetTime.getTime() - Date.now()) / 1_000));
  res.appendHeader('RateLimit-Policy', `"${name}"; q=${quota}; w=${windowMs / 1_000}`);
  res.appendHeader('RateLimit', `"${name}"; r=${left}; t=${seconds}`);
}

/** What express-rate-limit notes at the request. */
interface Taken {
  used: number;
  resetTime: Date;
}
