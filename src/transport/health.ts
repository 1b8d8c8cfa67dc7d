/** /health, /livez, /readyz and /metrics: for operators and load balancers, not for people. */
import { timingSafeEqual } from 'node:crypto';
import type { Express, Request } from 'express';
import { AppError } from '../errors.ts';
import type { LoopDelay } from '../infra/event-loop.ts';
import type { TrafficFigures } from '../infra/traffic.ts';
import type { CacheSample } from '../protocol/types.ts';

export interface HealthSources {
  version: string;
  /** false while starting and while draining. */
  isReady: () => boolean;
  mongodbUp: () => Promise<boolean>;
  /** "off": the application was started without Redis. */
  redis: () => 'off' | 'up' | 'down';
  connections: () => number;
  pendingMessages: () => number;
  instanceId: string;
  peers: () => string[];
  pool: () => Record<string, number>;
  /** How this instance fared during the last minute. Times are milliseconds. */
  lastMinute: () => {
    http: TrafficFigures;
    events: TrafficFigures;
    eventLoop: LoopDelay;
    caches: CacheSample[] | undefined;
  };
  /** Copies held in this process, by cache. */
  cacheEntries: () => Record<string, number>;
  metrics: { page(): Promise<string>; contentType: string };
  /** undefined: only this machine may read the metrics. */
  metricsToken: string | undefined;
}

const routes = ['/livez', '/readyz', '/health', '/metrics'];
/** What watches the application is not what it is there for. */
export const isWatching = (route: string): boolean =>
  routes.includes(route) || route.startsWith('/api/admin/') || route.startsWith('/admin/');

/** @returns a function that mounts the routes. */
export function healthRoutes(sources: HealthSources): (app: Express) => void {
  return (app) => {
    app.get('/livez', (_req, res) => {
      res.json({ status: 'ok' });
    });
    app.get('/readyz', (_req, res) => {
      const ready = sources.isReady();
      if (!ready) res.setHeader('Retry-After', 1);
      res.status(ready ? 200 : 503).json({ status: ready ? 'ok' : 'not ready' });
    });
    app.get('/health', async (_req, res) => {
      const mongodb = await sources.mongodbUp();
      const redis = sources.redis();
      const { http, events, eventLoop, caches } = sources.lastMinute();
      res.json({
        status: mongodb && redis !== 'down' ? 'ok' : 'degraded',
        version: sources.version,
        uptime: Math.round(process.uptime()),
        instance: { id: sources.instanceId, peers: sources.peers() },
        mongodb: { status: mongodb ? 'up' : 'down', pool: sources.pool() },
        redis: { status: redis },
        queue: { pending: sources.pendingMessages() },
        connections: sources.connections(),
        responseTimes: { http: timesOf(http), events: timesOf(events) },
        errorRate: { http: errorRateOf(http), events: errorRateOf(events) },
        ...(caches === undefined
          ? {}
          : { caches: caches.map(withHitRate), cacheEntries: sources.cacheEntries() }),
        eventLoopDelay: eventLoop,
      });
    });
    app.get('/metrics', async (req, res) => {
      if (!mayReadMetrics(req, sources.metricsToken)) {
        throw new AppError(
          'forbidden',
          'Metrics are read with METRICS_TOKEN, or without one from the same machine.',
        );
      }
      res.type(sources.metrics.contentType).send(await sources.metrics.page());
    });
  };
}

const timesOf = ({ seconds, answered, p50, p95, p99 }: TrafficFigures) => ({
  seconds,
  answered,
  p50,
  p95,
  p99,
});

/** Share of answers with which the server failed: 5xx. */
const errorRateOf = ({ answered, failed }: TrafficFigures): number =>
  answered === 0 ? 0 : failed / answered;

/** `hitRate` is null where nothing was looked up. */
function withHitRate<T extends { hits: number; misses: number }>(figures: T) {
  const lookups = figures.hits + figures.misses;
  return { ...figures, hitRate: lookups === 0 ? null : figures.hits / lookups };
}

function mayReadMetrics(req: Request, token: string | undefined): boolean {
  if (token !== undefined) {
    const given = Buffer.from(req.headers.authorization ?? '');
    const wanted = Buffer.from(`Bearer ${token}`);
    return given.length === wanted.length && timingSafeEqual(given, wanted);
  }
  // What a proxy on the same machine passes on comes from anywhere.
  const isPassedOn = 'x-forwarded-for' in req.headers || 'forwarded' in req.headers;
  return !isPassedOn && /^(::1|(::ffff:)?127\.)/.test(req.socket.remoteAddress ?? '');
}
