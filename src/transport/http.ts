/**
 * The Express application: every route of protocol/routes.ts bound to its operation, the
 * attachments, the health routes, and the web client.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { pipeline as pump } from 'node:stream/promises';
import cookieParser from 'cookie-parser';
import cors from 'cors';
import express, { type Express, type Request, type Response } from 'express';
import helmet from 'helmet';
import { AppError, notFound, toAppError, toProblem } from '../errors.ts';
import type { AttachmentContent } from '../features/attachments/attachments.service.ts';
import type { ActiveSession } from '../features/auth/sessions.service.ts';
import type { Logger } from '../infra/logger.ts';
import { limits } from '../protocol/limits.ts';
import type { Problem } from '../protocol/problems.ts';
import { type Route, type RouteName, routes } from '../protocol/routes.ts';
import { idParams, socketId } from '../protocol/schemas.ts';
import type {
  Operation,
  Reply,
  RequestContext,
  RouteOperations,
  SessionGrant,
} from './operation.ts';
import { parseInput, type RunOperation } from './run-operation.ts';
import { trackTiming } from './timing.ts';

export const SESSION_COOKIE = 'jwt';
const AFFINITY_COOKIE = 'affinity';

export interface HttpDependencies {
  operations: RouteOperations;
  run: RunOperation;
  /** @throws AppError unauthenticated */
  verifySession: (token: string | undefined) => Promise<ActiveSession>;
  /** A new token when the session's is older than a day. */
  renewSession: (session: ActiveSession) => Promise<SessionGrant | undefined>;
  openAttachment: (userId: string, id: string) => Promise<AttachmentContent>;
  isKnownOrigin: (request: IncomingMessage) => boolean;
  /** Mounts /health and its kind. */
  mountHealth: (app: Express) => void;
  corsOrigins: string[];
  trustProxy: number;
  /** Folder of the built web client. */
  webRoot: string;
  log: Logger;
}

type AnyOperation = Operation<{ params: unknown; query: unknown; body: unknown }, unknown>;

/** Builds the application; it does not listen. */
export function createHttpApp(deps: HttpDependencies): Express {
  const app = express();
  app.set('trust proxy', deps.trustProxy);
  app.set('etag', false);
  app.disable('x-powered-by');
  app.set('query parser', 'simple');
  app.use(trackTiming(requestIdOf));
  app.use(
    helmet({
      contentSecurityPolicy: {
        directives: {
          defaultSrc: ["'self'"],
          imgSrc: ["'self'", 'data:', 'blob:'],
          fontSrc: ["'self'"],
          styleSrc: ["'self'"],
          // Only where the page itself came by https; else it would break plain http.
          upgradeInsecureRequests: null,
        },
      },
      strictTransportSecurity: false,
    }),
  );
  app.use(
    cors({
      origin: deps.corsOrigins,
      credentials: true,
      exposedHeaders: ['Link', 'X-Request-Id', 'Retry-After'],
    }),
  );
  deps.mountHealth(app);
  app.use('/api', cookieParser(), (_req, res, next) => {
    res.setHeader('Cache-Control', 'no-store');
    next();
  });
  for (const name of Object.keys(routes) as RouteName[]) {
    bindRoute(app, name, routes[name], deps.operations[name] as unknown as AnyOperation, deps);
  }
  bindAttachments(app, deps);
  app.use('/api', (req, res) => {
    const detail = `${req.method} ${req.originalUrl.split('?')[0]} is no route of this server.`;
    sendProblem(res, toProblem(new AppError('not_found', detail), requestIdOf(req)));
  });
  serveWebClient(app, deps.webRoot);
  app.use((error: unknown, req: Request, res: Response, next: (error: unknown) => void) => {
    if (res.headersSent) return next(error);
    const known = toHttpError(error);
    if (known.status >= 500) deps.log.error({ err: error, path: req.path }, 'a request failed');
    sendProblem(res, toProblem(known, requestIdOf(req)));
  });
  return app;
}

function bindRoute(
  app: Express,
  name: RouteName,
  route: Route,
  operation: AnyOperation,
  deps: HttpDependencies,
): void {
  app[route.method](route.path, async (req, res) => {
    const outcome = await deps.run({
      name,
      operation,
      context: contextOf(req),
      authenticate: () => authenticate(req, deps),
      read: async () => ({
        params: parseInput(route.params, req.params, 'params'),
        query: parseInput(route.query, req.query, 'query'),
        body: parseInput(route.body, await readBody(req, res, operation.access !== 'user')),
      }),
    });
    if (!outcome.ok) return sendProblem(res, outcome.problem);
    const { reply, session } = outcome;
    if (reply.session !== undefined) setSessionCookie(req, res, reply.session);
    else if (session !== undefined && hasCookie(req)) await renewCookie(req, res, session, deps);
    setLinks(req, res, reply);
    res.status(reply.status ?? route.status).json(reply.body);
  });
}

function bindAttachments(app: Express, deps: HttpDependencies): void {
  app.get('/api/attachments/:id', async (req, res) => {
    const { userId } = await authenticate(req, deps);
    const { id } = parseInput(idParams, req.params, 'params');
    const { stream, record } = await deps.openAttachment(userId, id);
    const etag = `"${id}"`;
    res.setHeader('ETag', etag);
    // An id's content never changes. A message's picture is asked for anew each time all the
    // same, because who may see it does change; the answer is then 304, without content.
    res.setHeader(
      'Cache-Control',
      record.audience === 'everyone' ? 'private, max-age=31536000, immutable' : 'private, no-cache',
    );
    if (req.headers['if-none-match'] === etag) {
      stream.destroy();
      res.status(304).end();
      return;
    }
    res.setHeader('Content-Type', record.type);
    res.setHeader('Content-Length', record.size);
    res.setHeader('Content-Disposition', 'inline');
    res.setHeader('Content-Security-Policy', "default-src 'none'; sandbox");
    await pump(stream, res).catch((error: unknown) => {
      // Most often a client that went away; the status line is out already.
      deps.log.debug({ err: error, attachmentId: id }, 'an attachment was not sent whole');
    });
  });
}

async function authenticate(req: Request, deps: HttpDependencies): Promise<ActiveSession> {
  const bearer = /^Bearer (.+)$/i.exec(req.headers.authorization ?? '')?.[1];
  if (bearer !== undefined) return deps.verifySession(bearer);
  if (req.method !== 'GET' && hasCookie(req) && !deps.isKnownOrigin(req)) {
    throw new AppError('unknown_origin', 'Requests from this origin are not accepted.');
  }
  return deps.verifySession(cookieOf(req));
}

/** The name that a proxy gave the request, if it is a harmless one; else a new one. */
function requestIdOf(req: Request): string {
  const known = (req as Request & { requestId?: string }).requestId;
  if (known !== undefined) return known;
  const given = req.get('x-request-id');
  const requestId = given !== undefined && /^[\w-]{8,64}$/.test(given) ? given : randomUUID();
  (req as Request & { requestId?: string }).requestId = requestId;
  return requestId;
}

function contextOf(req: Request): RequestContext {
  const named = socketId.safeParse(req.get('x-socket-id'));
  return {
    requestId: requestIdOf(req),
    transport: 'http',
    userAgent: req.get('user-agent') ?? '',
    arrivedAt: performance.now(),
    ...(named.success ? { socketId: named.data } : {}),
  };
}

const parseJson = express.json({ limit: limits.jsonBodyBytes });
/** Nobody needs more to sign in, and strangers get no more. */
const parseSmallJson = express.json({ limit: 16 * 1024 });

async function readBody(req: Request, res: Response, small: boolean): Promise<unknown> {
  await new Promise<void>((resolve, reject) => {
    const parse = small ? parseSmallJson : parseJson;
    parse(req, res, (error?: unknown) =>
      error === undefined ? resolve() : reject(toHttpError(error)),
    );
  });
  const hasBody =
    req.headers['transfer-encoding'] !== undefined ||
    (req.headers['content-length'] ?? '0') !== '0';
  if (req.body === undefined && hasBody) {
    throw new AppError('unsupported_media_type', 'The body must be application/json.');
  }
  return req.body;
}

/** What Express and its body parser throw, as the application's errors. */
function toHttpError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const type = error instanceof Error && 'type' in error ? error.type : undefined;
  if (type === 'entity.too.large') {
    const most = error instanceof Error && 'limit' in error ? Number(error.limit) : 0;
    return new AppError('too_large', `The body has more than ${most} bytes.`);
  }
  if (type === 'entity.parse.failed') {
    return new AppError('malformed_json', 'The body is not valid JSON.');
  }
  const status = error instanceof Error && 'status' in error ? error.status : undefined;
  if (status === 415) return new AppError('unsupported_media_type', 'This encoding is not known.');
  if (typeof status === 'number' && status >= 400 && status < 500) {
    return new AppError('invalid_input', 'The request could not be read.', { cause: error });
  }
  return toAppError(error);
}

const cookieNamed = (req: Request, name: string): string | undefined => {
  const value: unknown = (req.cookies as Record<string, unknown> | undefined)?.[name];
  return typeof value === 'string' ? value : undefined;
};
const cookieOf = (req: Request): string | undefined => cookieNamed(req, SESSION_COOKIE);
const hasCookie = (req: Request): boolean =>
  req.headers.authorization === undefined && cookieOf(req) !== undefined;

function setSessionCookie(req: Request, res: Response, grant: SessionGrant | null): void {
  const attributes = {
    httpOnly: true,
    sameSite: 'strict',
    secure: req.secure,
    path: '/',
  } as const;
  if (grant === null) res.clearCookie(SESSION_COOKIE, attributes);
  else {
    const kept = { ...attributes, expires: grant.expiresAt };
    res.cookie(SESSION_COOKIE, grant.token, kept);
    // A balancer's hash of it keeps a person on one instance (deploy/nginx.conf).
    const known = cookieNamed(req, AFFINITY_COOKIE);
    const affinity = known !== undefined && /^\w{16}$/.test(known) ? known : newAffinity();
    res.cookie(AFFINITY_COOKIE, affinity, kept);
  }
}

const newAffinity = (): string => randomBytes(8).toString('hex');

async function renewCookie(
  req: Request,
  res: Response,
  session: ActiveSession,
  deps: HttpDependencies,
): Promise<void> {
  try {
    const grant = await deps.renewSession(session);
    if (grant !== undefined) setSessionCookie(req, res, grant);
  } catch (error) {
    // The answer stands; the next request tries again.
    deps.log.warn({ err: error, userId: session.userId }, 'a session could not be renewed');
  }
}

/** The neighbouring pages: the request's own address with another cursor. */
function setLinks(req: Request, res: Response, { links }: Reply<unknown>): void {
  const parts = Object.entries(links ?? {}).map(([relation, cursor]) => {
    const query = new URLSearchParams(req.query as Record<string, string>);
    for (const key of ['before', 'after']) query.delete(key);
    for (const [key, value] of new URLSearchParams(cursor)) query.set(key, value);
    return `<${req.path}?${query.toString()}>; rel="${relation}"`;
  });
  if (parts.length > 0) res.setHeader('Link', parts.join(', '));
}

function sendProblem(res: Response, problem: Problem): void {
  if (problem.retryAfter !== undefined) res.setHeader('Retry-After', problem.retryAfter);
  res.status(problem.status).type('application/problem+json').send(JSON.stringify(problem));
}

/** Built files carry their hash in their name; the page itself is asked for each time. */
function serveWebClient(app: Express, webRoot: string): void {
  app.use('/assets', express.static(`${webRoot}/assets`, { immutable: true, maxAge: '1y' }));
  app.use(express.static(webRoot, { index: false, maxAge: '1h' }));
  app.get('/{*path}', (req, res, next) => {
    if (!req.accepts('html') || /\.\w+$/.test(req.path)) return next(notFound('This page'));
    res.sendFile(
      'index.html',
      { root: webRoot, cacheControl: false, headers: noCache },
      (error) => {
        if (error !== undefined && error !== null) next(pageError(error));
      },
    );
  });
  app.use((_req, _res, next) => next(notFound('This page')));
}

const noCache = { 'Cache-Control': 'no-cache' };

function pageError(error: unknown): unknown {
  const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
  return missing ? notFound('The web client (it is not built)') : error;
}
