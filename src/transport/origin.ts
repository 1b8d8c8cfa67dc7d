/**
 * Which pages may use the server: its own, and those in CORS_ORIGINS.
 *
 * A page's own origin is the request's host, behind a trusted proxy the forwarded one. A
 * request without Origin does not come from a foreign page (browsers always send it there).
 */
import type { IncomingMessage } from 'node:http';

/** @returns a test for HTTP requests and socket handshakes alike. */
export function createOriginCheck(config: {
  corsOrigins: string[];
  trustProxy: number;
}): (request: IncomingMessage) => boolean {
  const allowed = new Set(config.corsOrigins);
  return (request) => {
    const { origin, host } = request.headers;
    if (origin === undefined || allowed.has(origin)) return true;
    const forwarded = request.headers['x-forwarded-host'];
    const own =
      config.trustProxy > 0 && typeof forwarded === 'string'
        ? (forwarded.split(',')[0] ?? '').trim()
        : host;
    return own !== undefined && hostOf(origin) === own.toLowerCase();
  };
}

/** The host with its port as browsers write it in Host; undefined for "null" and nonsense. */
function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}
