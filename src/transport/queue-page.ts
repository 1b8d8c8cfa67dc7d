/**
 * Bull's page at /admin/queues, for administrators. It only shows: who emptied or paused a queue
 * there would take accepted messages out of the hands of those who wait for them. Texts of
 * messages are not shown either: an administrator reads what they may, not what passes by.
 */
import { createBullBoard } from '@bull-board/api';
import { BullAdapter } from '@bull-board/api/bullAdapter';
import { ExpressAdapter } from '@bull-board/express';
import type { ErrorRequestHandler, Express, Request, RequestHandler, Response } from 'express';
import { AppError, toAppError, unavailable } from '../errors.ts';
import type { InstanceQueue } from '../infra/queues.ts';

/** What queues of a kind are for, and those of all live instances by their ids. */
export interface ShownQueues {
  /** Of the instance whose id follows. */
  purpose: string;
  queues: ReturnType<InstanceQueue<unknown>['everyone']>;
}

const PATH = '/admin/queues';
/** Bull waits for ever on a Redis that hangs. */
const ANSWER_MS = 3_000;
/** What passes by itself is tried again by the browser. */
const RELOAD_S = 3;

/**
 * @param queues by their kind; none while the application has none
 * @returns a function that mounts the page; `authorize` throws for who is no administrator
 */
export function queuePage(deps: {
  queues: () => ShownQueues[];
  /** "off": the application was started without Redis. */
  redis: () => 'off' | 'up' | 'down';
}): (app: Express, authorize: (req: Request, res: Response) => Promise<void>) => void {
  const adapter = new ExpressAdapter();
  adapter.setBasePath(PATH);
  const board = createBullBoard({
    queues: [],
    serverAdapter: adapter,
    options: {
      uiConfig: {
        boardTitle: 'Parley: queues',
        environment: { label: 'read only', color: '#2f7d75', textColor: '#ffffff' },
        miscLinks: [{ text: 'Operations', url: '/operations' }],
        hideRedisDetails: true,
        hideDocsLink: true,
        pollingInterval: { showSetting: true, forceInterval: 5 },
      },
    },
  });
  let shown = '';

  /** Instances come and go; their queues with them. */
  function showPresent(): void {
    const present = deps
      .queues()
      .flatMap(({ purpose, queues }) =>
        [...queues].map(([instanceId, queue]) => ({ queue, about: `${purpose} ${instanceId}` })),
      );
    const names = present
      .map(({ queue }) => queue.name)
      .sort()
      .join();
    if (names === shown) return;
    board.replaceQueues(
      present.map(({ queue, about }) => {
        const one = new BullAdapter(queue, { readOnlyMode: true, description: about });
        one.setFormatter('data', withoutTexts);
        return one;
      }),
    );
    shown = names;
  }

  const check: RequestHandler = (req, res, next) => {
    res.locals.route = PATH;
    res.setHeader('Cache-Control', 'no-store');
    if (req.method !== 'GET') throw new AppError('forbidden', 'The queues are only shown here.');
    const redis = deps.redis();
    if (redis === 'off') {
      throw new AppError('not_found', 'This server runs without Redis, so it has no queue.');
    }
    if (redis === 'down') {
      throw unavailable(
        'Redis does not answer at the moment, so the queues cannot be shown. Messages are stored without them.',
      );
    }
    showPresent();
    const limit = setTimeout(() => {
      if (!res.headersSent) next(unavailable('The queues did not answer in time.'));
    }, ANSWER_MS);
    res.once('close', () => clearTimeout(limit));
    next();
  };

  return (app, authorize) => {
    app.use(PATH, async (req, res, next) => {
      await authorize(req, res);
      next();
    });
    app.use(PATH, check, withoutStrangers, adapter.getRouter());
    app.use(PATH, asUnavailable);
    app.use(PATH, explain);
  };
}

/** Of a job only the plain facts: ids and times. Of what it carries, how much. */
function withoutTexts(data: unknown): unknown {
  return Object.fromEntries(
    Object.entries((data ?? {}) as Record<string, unknown>).map(([name, value]) => [
      name,
      Array.isArray(value) ? `${value.length}, not shown` : value,
    ]),
  );
}

/**
 * A page of others: it asks a third party for its fonts, and is as good with the reader's own;
 * and what it shows until its script runs has inline styles, which our policy refuses.
 */
const withoutStrangers: RequestHandler = (_req, res, next) => {
  const { send } = res;
  res.send = function (this: typeof res, body: unknown) {
    const isPage = typeof body === 'string' && body.startsWith('<!DOCTYPE');
    return send.call(this, isPage ? cleaned(body) : body);
  };
  next();
};

/** The page asks nobody but Redis: whatever it throws passes when that answers in time again. */
const asUnavailable: ErrorRequestHandler = (thrown: unknown, _req, _res, next) => {
  next(
    thrown instanceof AppError ? thrown : unavailable('The queues did not answer in time.', thrown),
  );
};

/** Who comes with a browser is told in words, and need not come again; programs get the problem. */
const explain: ErrorRequestHandler = (thrown: unknown, req, res, next) => {
  const error = toAppError(thrown);
  const isExpected = thrown instanceof AppError && !res.headersSent;
  if (!isExpected || req.accepts(['json', 'html']) !== 'html') return next(thrown);
  let again = '';
  if (error.retryAfter !== undefined) {
    res.setHeader('Retry-After', error.retryAfter);
    again = `<meta http-equiv="refresh" content="${RELOAD_S}">`;
  }
  res
    .status(error.status)
    .type('html')
    .send(
      `<!DOCTYPE html><html lang="en"><meta name="viewport" content="width=device-width">${again}<title>Parley: queues</title><body><h1>The queues cannot be shown</h1><p>${error.message}</p><p><a href="/">Back to Parley</a></p></body></html>`,
    );
};

const cleaned = (page: string): string =>
  page
    .replaceAll(/<link href="https?:[^>]*>/g, '')
    .replace(/<div id="root">[\s\S]*?<\/style>\s*<\/div>/, '<div id="root"></div>');
