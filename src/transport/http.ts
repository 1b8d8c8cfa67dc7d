/**
 * The Express application: every route of protocol/routes.ts bound to its operation, the
 * attachments, the health routes, and the web client.
 */
import { randomBytes } from 'node:crypto';
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import cookieParser from 'cookie-parser';
import cors from 'cors';
import express, { type Express, type Request, type RequestHandler, type Response } from 'express';
import helmet from 'helmet';
import { AppError, notFound, toAppError, toProblem } from '../errors.ts';
import type { ActiveSession } from '../features/auth/sessions.service.ts';
import type { Logger } from '../infra/logger.ts';
import type { RateLimits } from '../infra/rate-limit.ts';
import { limits } from '../protocol/limits.ts';
import { type Route, type RouteName, routes } from '../protocol/routes.ts';
import { socketId } from '../protocol/schemas.ts';
import type { AddressOf } from './address.ts';
import type { Admission } from './admission.ts';
import { type AttachmentRoutes, bindAttachments } from './attachments.ts';
import { createHttpLimits, type HttpLimits } from './http-limits.ts';
import { sendJson, sendProblem } from './http-reply.ts';
import type { KnownDevices } from './known-devices.ts';
import { beginLogin, type EndAttempt } from './login-limit.ts';
import {
  Json,
  type Operation,
  type Reply,
  type RequestContext,
  type RouteOperations,
  type SessionGrant,
} from './operation.ts';
import { parseInput, type RunOperation } from './run-operation.ts';
import { requestIdOf, trackTiming } from './timing.ts';

export const SESSION_COOKIE = 'jwt';
const DEVICE_COOKIE = 'device';
const DEVICE_COOKIE_MS = 365 * 24 * 60 * 60 * 1_000;
const AFFINITY_COOKIE = 'affinity';

export interface HttpDependencies {
  operations: RouteOperations;
  run: RunOperation;
  limits: RateLimits;
  admission: Admission;
  addressOf: AddressOf;
  devices: KnownDevices;
  /** A new token when the session's is older than a day. */
  renewSession: (session: ActiveSession) => Promise<SessionGrant | undefined>;
  attachments: Pick<AttachmentRoutes, 'open' | 'upload' | 'maxUploadBytes'>;
  isKnownOrigin: (request: IncomingMessage) => boolean;
  /** Told of every response. */
  measure: Parameters<typeof trackTiming>[0];
  /** Mounts /health and its kind. */
  mountHealth: (app: Express) => void;
  /** @throws AppError forbidden for who is no administrator */
  requireAdmin: (userId: string) => Promise<void>;
  /** Mounts the page of the queues, for whom `authorize` lets pass. */
  mountQueuePage: (app: Express, authorize: (req: Request, res: Response) => Promise<void>) => void;
  corsOrigins: string[];
  trustProxy: number;
  /** Folder of the built web client. */
  webRoot: string;
  log: Logger;
}

/** What requests are counted with. */
type Counting = HttpLimits;

type AnyOperation = Operation<{ params: unknown; query: unknown; body: unknown }, unknown>;

/** Builds the application; it does not listen. */
export function createHttpApp(dependencies: HttpDependencies): Express {
  const deps = { ...dependencies, ...createHttpLimits(dependencies.limits) };
  const app = express();
  app.set('trust proxy', deps.trustProxy);
  app.set('etag', false);
  app.disable('x-powered-by');
  app.set('query parser', 'simple');
  app.use(atOnce(trackTiming(deps.measure), setSecurityHeaders(), allowOrigins(deps.corsOrigins)));
  app.use('/api', atOnce(forbidStoring, parseCookies));
  for (const name of Object.keys(routes) as RouteName[]) {
    bindRoute(app, name, routes[name], deps.operations[name] as unknown as AnyOperation, deps);
  }
  bindAttachments(app, {
    ...deps,
    ...deps.attachments,
    contextOf,
    authenticate: (req, res) => authenticate(req, res, deps),
  });
  deps.mountHealth(app);
  app.use('/admin', parseCookies);
  deps.mountQueuePage(app, async (req, res) => {
    const { userId } = await authenticate(req, res, deps);
    await deps.takePromptly(res, deps.limits.authenticated, userId);
    await deps.requireAdmin(userId);
  });
  app.use('/api', async (req, res) => {
    await deps.take(req, res, deps.limits.general, deps.addressOf(req));
    const detail = `${req.method} ${req.originalUrl.split('?')[0]} is no route of this server.`;
    sendProblem(res, toProblem(new AppError('not_found', detail), requestIdOf(req)));
  });
  app.use(async (req, res, next) => {
    await deps.take(req, res, deps.limits.files, deps.addressOf(req));
    next();
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

/** helmet's headers are the same for every request, so it is asked for them once. */
function setSecurityHeaders(): RequestHandler {
  const setAll = helmet({
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
  });
  const response = new ServerResponse(new IncomingMessage(new Socket()));
  setAll(response.req, response, () => undefined);
  const headers = Object.entries(response.getHeaders()) as [string, string][];
  return (_req, res, next) => {
    for (const [name, value] of headers) res.setHeader(name, value);
    next();
  };
}

/** Which of the pages from elsewhere may read an answer; asked only for what comes from a page. */
function allowOrigins(origins: string[]): RequestHandler {
  const allow = cors({
    origin: origins,
    credentials: true,
    exposedHeaders: ['Link', 'X-Request-Id', 'Retry-After', 'RateLimit', 'RateLimit-Policy'],
  });
  return (req, res, next) => {
    if (req.headers.origin !== undefined) return allow(req, res, next);
    res.setHeader('Vary', 'Origin');
    next();
  };
}

const forbidStoring: RequestHandler = (_req, res, next) => {
  res.setHeader('Cache-Control', 'no-store');
  next();
};

/** Several middlewares as one: what the router does for each costs more than they do. */
const atOnce =
  (...handlers: RequestHandler[]): RequestHandler =>
  (req, res, next) => {
    const from = (index: number): void => {
      const handler = handlers[index];
      if (handler === undefined) next();
      else
        void handler(req, res, (error?: unknown) =>
          error === undefined ? from(index + 1) : next(error),
        );
    };
    from(0);
  };

const parse = cookieParser();
/** Leaves a request without cookies as it is. */
const parseCookies: RequestHandler = (req, res, next) =>
  req.headers.cookie === undefined ? next() : parse(req, res, next);

function bindRoute(
  app: Express,
  name: RouteName,
  route: Route,
  operation: AnyOperation,
  deps: HttpDependencies & Counting,
): void {
  app[route.method](route.path, async (req, res) => {
    const attempt: { email?: string; end?: EndAttempt } = {};
    const outcome = await deps.run({
      name,
      operation,
      context: contextOf(req),
      authenticate: () => authenticate(req, res, deps),
      limit: (session) => countRequest(req, res, operation, session, deps),
      read: async () => {
        const params = parseInput(route.params, req.params, 'params');
        const query = parseInput(route.query, req.query, 'query');
        const given = hasBody(req)
          ? await readBody(req, res, operation.access !== 'user')
          : undefined;
        const body = parseInput(route.body, given);
        if (isSignIn(operation) && hasEmail(body)) attempt.email = body.email;
        if (operation.limit === 'login') {
          attempt.end = await beginAttempt(req, res, attempt.email ?? '', deps);
        }
        return { params, query, body };
      },
    });
    if (attempt.end !== undefined) await attempt.end(outcome.ok ? undefined : outcome.problem.code);
    if (!outcome.ok) return sendProblem(res, outcome.problem);
    const { reply, session } = outcome;
    if (reply.session !== undefined) setSessionCookie(req, res, reply.session);
    else if (session !== undefined && hasCookie(req)) await renewCookie(req, res, session, deps);
    if (reply.session && attempt.email !== undefined)
      setDeviceCookie(req, res, attempt.email, deps);
    setLinks(req, res, reply);
    const { body } = reply;
    const content = body instanceof Json ? body.content : JSON.stringify(body);
    sendJson(res, reply.status ?? route.status, 'application/json', content);
  });
}

/** Whether who succeeds in it owns the account that the body names. */
const isSignIn = ({ limit }: AnyOperation): boolean => limit === 'login' || limit === 'sign-up';
const hasEmail = (body: unknown): body is { email: string } =>
  typeof body === 'object' && body !== null && 'email' in body && typeof body.email === 'string';

/** By user where there is one, else by address; and by what the operation's table says. */
function countRequest(
  req: Request,
  res: Response,
  operation: AnyOperation,
  session: ActiveSession | undefined,
  deps: HttpDependencies & Counting,
): void | Promise<void> {
  const { limits, takePromptly } = deps;
  if (session === undefined) return countStranger(req, res, operation, deps);
  const counted = takePromptly(res, limits.authenticated, session.userId);
  if (operation.limit !== 'messages') return counted;
  const countMessage = () => takePromptly(res, limits.messages, session.userId);
  return counted instanceof Promise ? counted.then(countMessage) : countMessage();
}

async function countStranger(
  req: Request,
  res: Response,
  operation: AnyOperation,
  { limits, take, addressOf }: HttpDependencies & Counting,
): Promise<void> {
  // Who might have had a session was counted when it was looked for.
  if (operation.access !== 'anyone') return;
  await take(req, res, limits.general, addressOf(req));
  if (operation.limit === 'sign-up') await take(req, res, limits.signUp, addressOf(req));
}

function beginAttempt(
  req: Request,
  res: Response,
  email: string,
  deps: HttpDependencies & Counting,
): Promise<EndAttempt> {
  const device = deps.devices.nameOf(cookieNamed(req, DEVICE_COOKIE), email);
  const given = { email, address: deps.addressOf(req), device };
  return beginLogin(deps.limits, given, (limit, key) => deps.take(req, res, limit, key));
}

function authenticate(
  req: Request,
  res: Response,
  deps: HttpDependencies & Counting,
): ActiveSession | Promise<ActiveSession> {
  const bearer = /^Bearer (.+)$/i.exec(req.headers.authorization ?? '')?.[1];
  if (bearer === undefined && req.method !== 'GET' && hasCookie(req) && !deps.isKnownOrigin(req)) {
    return refuseOrigin(req, res, deps);
  }
  const address = () => deps.addressOf(req);
  return deps.admission.admit(bearer ?? cookieOf(req), address, (limit, key) =>
    deps.take(req, res, limit, key),
  );
}

async function refuseOrigin(
  req: Request,
  res: Response,
  { take, limits, addressOf }: HttpDependencies & Counting,
): Promise<never> {
  await take(req, res, limits.general, addressOf(req));
  throw new AppError('unknown_origin', 'Requests from this origin are not accepted.');
}

function contextOf(req: Request): RequestContext {
  const given = req.headers['x-socket-id'];
  const named = given === undefined ? undefined : socketId.safeParse(given);
  return {
    requestId: requestIdOf(req),
    transport: 'http',
    userAgent: req.headers['user-agent'] ?? '',
    arrivedAt: performance.now(),
    ...(named?.success ? { socketId: named.data } : {}),
  };
}

const parseJson = express.json({ limit: limits.jsonBodyBytes });
/** A picture as a data URL over a slow line. */
const BODY_MS = 300_000;
/** Nobody needs more to sign in, and strangers get no more. */
const parseSmallJson = express.json({ limit: 16 * 1024 });

const hasBody = ({ headers }: Request): boolean =>
  headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';

async function readBody(req: Request, res: Response, small: boolean): Promise<unknown> {
  const limit = setTimeout(() => req.destroy(), BODY_MS);
  try {
    await new Promise<void>((resolve, reject) => {
      const parse = small ? parseSmallJson : parseJson;
      parse(req, res, (error?: unknown) =>
        error === undefined ? resolve() : reject(toHttpError(error)),
      );
    });
  } finally {
    clearTimeout(limit);
  }
  if (req.body === undefined) {
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

/** Of who has just logged in to the account, or made it. */
function setDeviceCookie(
  req: Request,
  res: Response,
  email: string,
  { devices }: Pick<HttpDependencies, 'devices'>,
): void {
  res.cookie(DEVICE_COOKIE, devices.remember(cookieNamed(req, DEVICE_COOKIE), email), {
    httpOnly: true,
    sameSite: 'strict',
    secure: req.secure,
    path: '/api/auth',
    maxAge: DEVICE_COOKIE_MS,
  });
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
  if (links === undefined) return;
  const given = req.query as Record<string, string>;
  const parts = Object.entries(links).map(([relation, cursor]) => {
    if (Object.keys(given).length === 0) return `<${req.path}?${cursor}>; rel="${relation}"`;
    const query = new URLSearchParams(given);
    const next = new URLSearchParams(cursor);
    // Of history, whose pages have one of the two; in a search they are dates, and stay.
    if (next.has('before') || next.has('after')) {
      for (const key of ['before', 'after']) query.delete(key);
    }
    for (const [key, value] of next) query.set(key, value);
    return `<${req.path}?${query.toString()}>; rel="${relation}"`;
  });
  if (parts.length > 0) res.setHeader('Link', parts.join(', '));
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
