/** /health, /livez and /readyz: for operators and load balancers, not for people. */
import type { Express } from 'express';

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
}

/** @returns a function that mounts the routes. */
export function healthRoutes(sources: HealthSources): (app: Express) => void {
  return (app) => {
    app.get('/livez', (_req, res) => {
      res.json({ status: 'ok' });
    });
    app.get('/readyz', (_req, res) => {
      const ready = sources.isReady();
      res.status(ready ? 200 : 503).json({ status: ready ? 'ok' : 'not ready' });
    });
    app.get('/health', async (_req, res) => {
      const mongodb = await sources.mongodbUp();
      const redis = sources.redis();
      res.json({
        status: mongodb && redis !== 'down' ? 'ok' : 'degraded',
        version: sources.version,
        uptime: Math.round(process.uptime()),
        instance: { id: sources.instanceId, peers: sources.peers() },
        mongodb: { status: mongodb ? 'up' : 'down' },
        redis: { status: redis },
        queue: { pending: sources.pendingMessages() },
        connections: sources.connections(),
      });
    });
  };
}
