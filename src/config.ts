/**
 * The only reader of process.env.
 *
 * One zod schema holds every setting with its default and its meaning. All
 * faults are reported at once, so that an operator mends them in one go.
 * `.env.example` is generated from this schema (`npm run env-example`).
 */
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { parseEnv } from 'node:util';
import { z } from 'zod';

const integer = (min: number, max: number, fallback: number) => {
  const message = `must be a whole number from ${min} to ${max}`;
  return z.coerce
    .number(message)
    .int(message)
    .min(min, message)
    .max(max, message)
    .default(fallback);
};

const list = z
  .string()
  .default('')
  .transform((value) =>
    value
      .split(',')
      .map((part) => part.trim().replace(/\/$/, ''))
      .filter((part) => part !== ''),
  )
  .refine(
    (origins) =>
      origins.every((origin) => URL.canParse(origin) && new URL(origin).origin === origin),
    'must be origins such as https://chat.example.com, separated by commas, without a path',
  );

const mongoUri = z
  .string()
  .regex(/^mongodb(\+srv)?:\/\/.+/, 'must look like mongodb://host:port/database?replicaSet=name');
const redisUrl = z
  .string()
  .refine(
    (value) => value === 'off' || (/^rediss?:\/\/.+/.test(value) && URL.canParse(value)),
    'must look like redis://host:port, or be the word off',
  );

const levels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

/** Every setting: its environment name is its key. The descriptions become `.env.example`. */
export const settingsSchema = z.object({
  PORT: integer(0, 65_535, 3000).describe(
    'Port of the HTTP and WebSocket server; 0 takes any free one',
  ),
  HOST: z
    .string()
    .min(1)
    .optional()
    .describe('Address to listen on. Default: 127.0.0.1, in production 0.0.0.0'),
  DATA_DIR: z
    .string()
    .min(1)
    .default('./data')
    .describe('Folder for uploads, the generated secret and the private databases'),
  MONGODB_URI: mongoUri
    .optional()
    .describe('A MongoDB replica set. Absent: a private MongoDB is obtained and started'),
  MONGODB_POOL_MIN: integer(0, 1_000, 5).describe('Fewest pooled connections to MongoDB'),
  MONGODB_POOL_MAX: integer(1, 1_000, 50).describe('Most pooled connections to MongoDB'),
  MONGODB_READ_PREFERENCE: z
    .enum(['primary', 'secondaryPreferred'], 'must be primary or secondaryPreferred')
    .default('primary')
    .describe(
      'secondaryPreferred: pages of history and last messages come from secondaries, nothing else does',
    ),
  REDIS_URL: redisUrl
    .optional()
    .describe('A Redis or Valkey server, or off. Absent: a private one is obtained and started'),
  MAX_UPLOAD_MB: integer(1, 2_000, 25).describe(
    'Largest file that may be uploaded; a proxy in front has a limit of its own',
  ),
  ADMIN_EMAIL: z
    .string()
    .trim()
    .toLowerCase()
    .pipe(z.email('must be an e-mail address'))
    .optional()
    .describe(
      'Whose account is the administrator. Absent: the first account that nobody seeded is',
    ),
  JWT_SECRET: z
    .string()
    .min(32, 'must have at least 32 characters, for example from: openssl rand -hex 32')
    .optional()
    .describe(
      'Signs sessions; at least 32 characters. Required in production, else made and kept in DATA_DIR',
    ),
  CORS_ORIGINS: list.describe(
    'Foreign origins that may use the API, separated by commas, e.g. https://chat.example.com',
  ),
  TRUST_PROXY: integer(0, 10, 0).describe(
    'How many reverse proxies stand in front and set X-Forwarded-*; 0: none',
  ),
  BCRYPT_COST: integer(4, 15, 10).describe('Cost of password hashes; each step doubles the time'),
  CACHE: z
    .enum(['on', 'off'], 'must be on or off')
    .default('on')
    .describe(
      'off: everything is read from the database, to compare with; slower, and never needed',
    ),
  RATE_LIMIT_GENERAL: integer(1, 1_000_000, 100).describe(
    'Requests a minute from one address by who is not signed in; ten times as many for files',
  ),
  RATE_LIMIT_AUTHENTICATED: integer(1, 1_000_000, 200).describe('Requests a minute of one user'),
  RATE_LIMIT_MESSAGES: integer(1, 1_000_000, 50).describe(
    'Messages a minute of one user, over HTTP and sockets together',
  ),
  RATE_LIMIT_LOGIN: integer(1, 1_000_000, 5).describe(
    'Attempts in 15 minutes to log in to one account from one address; ten times as many from ' +
      'one address to any, and in an hour to one account from anywhere',
  ),
  RATE_LIMIT_SOCKET: integer(1, 1_000_000, 60).describe('Events a minute on one connection'),
  RATE_LIMIT_SCALE: integer(1, 1_000_000, 1).describe(
    'Multiplies all of these, and how many sockets one user and one address may open; for load tests',
  ),
  METRICS_TOKEN: z
    .string()
    .min(16, 'must have at least 16 characters, for example from: openssl rand -hex 16')
    .optional()
    .describe(
      'Whoever reads /metrics sends it as Authorization: Bearer. Absent: only this machine may read',
    ),
  LOG_LEVEL: z
    .enum(levels, `must be one of ${levels.join(', ')}`)
    .default('info')
    .describe('Least severe log level that is written'),
});

/** What the application is built from: checked, with defaults, in the application's own words. */
export interface Config {
  production: boolean;
  port: number;
  host: string;
  /** Absolute path. */
  dataDir: string;
  mongodb: { uri: string | undefined; poolMin: number; poolMax: number };
  /** Of pages of history and last messages. */
  readPreference: z.infer<typeof settingsSchema>['MONGODB_READ_PREFERENCE'];
  redisUrl: string | undefined;
  /** Of one uploaded file. */
  maxUploadBytes: number;
  /** Lower case, as e-mail addresses are stored. */
  adminEmail: string | undefined;
  jwtSecret: string | undefined;
  corsOrigins: string[];
  trustProxy: number;
  bcryptCost: number;
  cache: boolean;
  /** How often something may be done, multiplied by `scale` already. */
  rateLimits: RateLimitConfig;
  /** undefined: /metrics is for this machine alone. */
  metricsToken: string | undefined;
  logLevel: z.infer<typeof settingsSchema>['LOG_LEVEL'];
}

/** In a minute; `login` in 15. Everything else is derived from these (infra/rate-limit.ts). */
export interface RateLimitConfig {
  general: number;
  authenticated: number;
  messages: number;
  login: number;
  socket: number;
  /** By how much these are multiplied. */
  scale: number;
}

/** Lists every fault of the environment in one message; programs end with exit code 78 on it. */
export class ConfigError extends Error {
  override name = 'ConfigError';
}

/**
 * Turns environment variables into a Config. An empty variable counts as absent.
 * @throws ConfigError naming every faulty variable and what it may be.
 */
export function parseConfig(env: Record<string, string | undefined>): Config {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const production = given.NODE_ENV === 'production';
  const parsed = settingsSchema.safeParse(given);
  const faults = parsed.success
    ? []
    : parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  if (production && given.JWT_SECRET === undefined) {
    faults.push('JWT_SECRET: required in production, for example from: openssl rand -hex 32');
  }
  if (parsed.success && parsed.data.MONGODB_POOL_MIN > parsed.data.MONGODB_POOL_MAX) {
    faults.push('MONGODB_POOL_MIN: must not exceed MONGODB_POOL_MAX');
  }
  if (!parsed.success || faults.length > 0) {
    throw new ConfigError(`The configuration has faults:\n  ${faults.join('\n  ')}`);
  }
  const s = parsed.data;
  return {
    production,
    port: s.PORT,
    host: s.HOST ?? (production ? '0.0.0.0' : '127.0.0.1'),
    dataDir: resolve(s.DATA_DIR),
    mongodb: { uri: s.MONGODB_URI, poolMin: s.MONGODB_POOL_MIN, poolMax: s.MONGODB_POOL_MAX },
    readPreference: s.MONGODB_READ_PREFERENCE,
    redisUrl: s.REDIS_URL,
    maxUploadBytes: s.MAX_UPLOAD_MB * 1024 * 1024,
    adminEmail: s.ADMIN_EMAIL,
    jwtSecret: s.JWT_SECRET,
    corsOrigins: s.CORS_ORIGINS,
    trustProxy: s.TRUST_PROXY,
    bcryptCost: s.BCRYPT_COST,
    cache: s.CACHE === 'on',
    rateLimits: {
      general: s.RATE_LIMIT_GENERAL * s.RATE_LIMIT_SCALE,
      authenticated: s.RATE_LIMIT_AUTHENTICATED * s.RATE_LIMIT_SCALE,
      messages: s.RATE_LIMIT_MESSAGES * s.RATE_LIMIT_SCALE,
      login: s.RATE_LIMIT_LOGIN * s.RATE_LIMIT_SCALE,
      socket: s.RATE_LIMIT_SOCKET * s.RATE_LIMIT_SCALE,
      scale: s.RATE_LIMIT_SCALE,
    },
    metricsToken: s.METRICS_TOKEN,
    logLevel: s.LOG_LEVEL,
  };
}

/**
 * The configuration of this process: the environment, laid over a `.env` file in the
 * working folder if there is one.
 * @throws ConfigError see parseConfig.
 */
export function loadConfig(): Config {
  return parseConfig({ ...readDotEnv(), ...process.env });
}

function readDotEnv(): Record<string, string | undefined> {
  try {
    return parseEnv(readFileSync('.env', 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw new ConfigError(`.env cannot be read: ${(error as Error).message}`);
  }
}

/**
 * Where downloaded database binaries are kept for all checkouts of this user:
 * `$XDG_CACHE_HOME/parley`, else `~/.cache/parley`.
 */
export function binaryCacheDir(env: Record<string, string | undefined> = process.env): string {
  const base = env.XDG_CACHE_HOME;
  // The XDG specification: a relative path is invalid and to be ignored.
  return join(base && isAbsolute(base) ? base : join(homedir(), '.cache'), 'parley');
}

/** The text of `.env.example`: every setting with its meaning and, where it has one, its default. */
export function envExample(): string {
  const lines = Object.entries(settingsSchema.shape).flatMap(([name, schema]) => {
    const standard = schema.safeParse(undefined);
    const value = standard.success ? standard.data : undefined;
    return [`# ${schema.description ?? ''}`, `#${name}=${value ?? ''}`, ''];
  });
  return [
    '# Settings of Parley. All are optional in development: uncomment what you change.',
    '# Generated by: npm run env-example',
    '',
    ...lines,
  ].join('\n');
}
