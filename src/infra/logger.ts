/** JSON logs, one line an event. Never secrets, tokens or message texts. */
import { type Logger, pino } from 'pino';
import type { Config } from '../config.ts';

export type { Logger };

/** @returns a pino logger on standard output, below `level` silent. */
export function createLogger(level: Config['logLevel']): Logger {
  return pino({
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: { paths: ['*.password', '*.token', '*.passwordHash'], remove: true },
  });
}
