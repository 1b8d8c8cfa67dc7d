/**
 * docker-compose.yml against what the application needs. No container engine is assumed to be
 * there: the file is read, and what it says is compared with the code, with nginx.conf and with
 * a running server.
 */
import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { ConfigError, parseConfig, settingsSchema } from '../../src/config.ts';
import { call } from '../support/client.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { readDockerfile, saying } from './dockerfile.ts';
import { exitCodeOf } from './health-command.ts';

const seconds = z
  .string()
  .regex(/^\d+s$/)
  .transform((text) => Number.parseInt(text, 10));
const scalar = z.union([z.string(), z.number()]).transform(String);

/** What every service has to say. Loose, because most of the rest is the engine's business. */
const serviceSchema = z.looseObject({
  image: z.string().optional(),
  build: z.object({ context: z.string(), dockerfile: z.string() }).optional(),
  user: z.string(),
  init: z.literal(true),
  read_only: z.literal(true),
  restart: z.literal('unless-stopped'),
  tmpfs: z.array(z.string()),
  cap_drop: z.tuple([z.literal('ALL')]),
  security_opt: z.tuple([z.literal('no-new-privileges:true')]),
  command: z.array(z.string()).default([]),
  environment: z.record(z.string(), scalar).default({}),
  volumes: z.array(z.string()),
  ports: z.array(z.string()).default([]),
  networks: z.union([
    z.array(z.string()).transform((names) => new Map(names.map((name) => [name, '']))),
    z
      .record(z.string(), z.object({ ipv4_address: z.ipv4() }))
      .transform((byName) => new Map(Object.entries(byName).map(([k, v]) => [k, v.ipv4_address]))),
  ]),
  depends_on: z
    .record(z.string(), z.object({ condition: z.literal('service_healthy') }))
    .default({}),
  healthcheck: z.object({
    test: z.array(z.string()).min(2),
    interval: seconds,
    timeout: seconds,
    start_period: seconds,
    retries: z.number(),
  }),
  stop_grace_period: seconds.optional(),
});

const compose = z
  .looseObject({
    services: z.record(z.string(), serviceSchema),
    volumes: z.record(z.string(), z.null()),
    networks: z.object({
      private: z.object({
        internal: z.literal(true),
        ipam: z.object({
          config: z.tuple([z.object({ subnet: z.cidrv4(), ip_range: z.cidrv4() })]),
        }),
      }),
      public: z.null(),
    }),
  })
  .parse(parse(readFileSync('docker-compose.yml', 'utf8'), { merge: true }));

type Service = z.infer<typeof serviceSchema>;

function service(name: string): Service {
  const found = compose.services[name];
  if (found === undefined) throw new Error(`docker-compose.yml has no service ${name}`);
  return found;
}

const instances = Object.entries(compose.services).filter(([, { build }]) => build !== undefined);
const nginxConf = readFileSync('deploy/nginx.conf', 'utf8');
/** Name -> its servers: their name, port and settings. */
const upstreams = new Map(
  [...nginxConf.matchAll(/^upstream ([\w-]+) \{([^}]*)\}/gm)].map(([, name = '', block = '']) => [
    name,
    [...block.matchAll(/^\s*server ([\w-]+):(\d+) (.*);$/gm)],
  ]),
);
const upstream = upstreams.get('parley') ?? [];

/** As the engine replaces `${NAME:?message}` and `${NAME:-default}`. */
function withVariables(text: string, given: Record<string, string>): string {
  return text.replaceAll(/\$\{(\w+):([?-])([^}]*)\}/g, (_, name: string, kind, rest: string) => {
    const value = given[name] ?? '';
    if (value === '' && kind === '?') throw new Error(`${name} ${rest}`);
    return value === '' ? rest : value;
  });
}

const environmentOf = (of: Service, given: Record<string, string>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(of.environment).map(([name, value]) => [name, withVariables(value, given)]),
  );

describe('the instances', () => {
  const given = { JWT_SECRET: 'x'.repeat(32) };

  it('are those that nginx.conf names, on the port that the image exposes', () => {
    expect(instances.map(([name]) => name)).toEqual(upstream.map(([, name]) => name));
    expect(instances).toHaveLength(3);
    const image = readDockerfile(readFileSync('deploy/Dockerfile', 'utf8')).at(-1) ?? [];
    const [exposed] = saying(image, 'EXPOSE');
    expect(upstream.map(([, , port]) => port)).toEqual(instances.map(() => exposed));
    for (const [, { environment }] of instances) expect(environment.PORT).toBe(exposed);
  });

  it('are built from a Dockerfile that is there, by its user', () => {
    for (const [, { build, image, user }] of instances) {
      expect(build).toEqual({ context: '.', dockerfile: 'deploy/Dockerfile' });
      expect(existsSync('deploy/Dockerfile')).toBe(true);
      expect(image).toBeUndefined();
      expect(user).toBe('node');
    }
  });

  it.each(instances)('%s gets an environment that the application accepts', (_, instance) => {
    const known = [...Object.keys(settingsSchema.shape), 'NODE_ENV'];
    expect(Object.keys(instance.environment).filter((name) => !known.includes(name))).toEqual([]);
    expect(parseConfig(environmentOf(instance, given))).toMatchObject({
      production: true,
      host: '0.0.0.0',
      dataDir: '/data',
      trustProxy: 1,
      jwtSecret: given.JWT_SECRET,
      corsOrigins: [],
    });
    const origins = { ...given, CORS_ORIGINS: 'https://chat.example.com' };
    expect(parseConfig(environmentOf(instance, origins)).corsOrigins).toEqual([
      'https://chat.example.com',
    ]);
  });

  it('get every variable that production requires, and both databases', () => {
    let faults = '';
    try {
      parseConfig({ NODE_ENV: 'production' });
    } catch (error) {
      expect(error).toBeInstanceOf(ConfigError);
      faults = (error as Error).message;
    }
    const required = [...faults.matchAll(/^ {2}(\w+): /gm)].map(([, name = '']) => name);
    expect(required).toContain('JWT_SECRET');
    for (const [, { environment }] of instances) {
      for (const name of [...required, 'MONGODB_URI', 'REDIS_URL']) {
        expect(environment).toHaveProperty(name);
      }
    }
  });

  it('do not start without a secret, and the message says how to make one', () => {
    for (const [, instance] of instances) {
      expect(() => environmentOf(instance, {})).toThrow(/JWT_SECRET.*openssl rand -hex 32/);
    }
  });

  it('name the databases as they are called here', () => {
    for (const [, { environment, depends_on }] of instances) {
      const mongodb = new URL(environment.MONGODB_URI ?? '');
      const { command, healthcheck } = service(mongodb.hostname);
      const set = command[command.indexOf('--replSet') + 1];
      expect(set).toBe(mongodb.searchParams.get('replicaSet'));
      expect(healthcheck.test.at(-1)).toContain(
        `rs.initiate({ _id: '${set}', members: [{ _id: 0, host: '${mongodb.host}' }] })`,
      );
      const redis = new URL(environment.REDIS_URL ?? '');
      expect(service(redis.hostname).command[0]).toBe('redis-server');
      expect(Object.keys(depends_on).sort()).toEqual([mongodb.hostname, redis.hostname].sort());
    }
  });

  it('have longer to close than the application takes', () => {
    const [, limit = ''] =
      /CLOSE_LIMIT_MS = ([\d_]+)/.exec(readFileSync('src/main.ts', 'utf8')) ?? [];
    const limitSeconds = Number(limit.replaceAll('_', '')) / 1_000;
    expect(limitSeconds).toBeGreaterThan(0);
    for (const [, { stop_grace_period }] of instances) {
      expect(stop_grace_period).toBeGreaterThan(limitSeconds);
    }
  });

  it('keep their addresses, which nothing else can be given', () => {
    const number = (address: string) =>
      address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
    const isWithin = (address: string, cidr: string) => {
      const [base = '', bits] = cidr.split('/');
      const size = 2 ** (32 - Number(bits));
      return Math.floor(number(address) / size) === Math.floor(number(base) / size);
    };
    const [{ subnet, ip_range }] = compose.networks.private.ipam.config;
    const addresses = instances.map(([, { networks }]) => networks.get('private') ?? '');
    expect(new Set(addresses).size).toBe(instances.length);
    for (const address of addresses) {
      expect(isWithin(address, subnet)).toBe(true);
      expect(isWithin(address, ip_range)).toBe(false);
    }
  });
});

describe('each service', () => {
  // That it has a health check, init, a read-only root and no rights, the schema has asked.
  const all = Object.entries(compose.services);

  it.each(all)('%s is pinned, is not root, and has its health asked', (_, it) => {
    if (it.build === undefined) expect(it.image).toMatch(/^[\w/-]+:\d+\.\d+[\w.-]*$/);
    expect(it.user).not.toMatch(/^(root|0)\b/);
    expect(it.tmpfs).toContain('/tmp');
    expect(it.healthcheck.timeout).toBeLessThanOrEqual(it.healthcheck.interval);
  });

  it('waits only for services that are there', () => {
    for (const [, { depends_on }] of all) for (const name of Object.keys(depends_on)) service(name);
    expect(Object.keys(service('nginx').depends_on)).toEqual(instances.map(([name]) => name));
  });

  it('is reachable from outside only through nginx', () => {
    for (const [name, { ports, networks }] of all) {
      const isFront = name === 'nginx';
      expect([...networks.keys()]).toEqual(isFront ? ['private', 'public'] : ['private']);
      expect(ports).toHaveLength(isFront ? 1 : 0);
    }
    const [, listen] = /listen (\d+)/.exec(nginxConf) ?? [];
    expect(service('nginx').ports).toEqual([`8080:${listen}`]);
  });

  it('keeps what has to last on a named volume', () => {
    const dataDirs = new Set(instances.map(([, { environment }]) => environment.DATA_DIR));
    expect(dataDirs.size).toBe(1);
    for (const [, { volumes }] of instances) {
      expect(volumes).toEqual([`parley-data:${[...dataDirs][0]}`]);
    }
    expect(service('mongodb').volumes).toEqual(['mongodb-data:/data/db']);
    expect(service('redis').volumes).toEqual(['redis-data:/data']);
    const named = all
      .flatMap(([, { volumes }]) => volumes.map((volume) => volume.split(':')[0] ?? ''))
      .filter((name) => !name.startsWith('.'));
    expect(new Set(named)).toEqual(new Set(Object.keys(compose.volumes)));
  });
});

it('Redis keeps what the queue wants kept', () => {
  const words = service('redis').command.join(' ');
  expect(words).toContain('--appendonly yes');
  expect(words).toContain('--maxmemory-policy noeviction');
});

it('nginx gets the configuration of this project, and may not change it', () => {
  expect(service('nginx').volumes).toEqual([
    './deploy/nginx.conf:/etc/nginx/conf.d/default.conf:ro',
  ]);
  expect(existsSync('deploy/nginx.conf')).toBe(true);
});

it('nginx sends nothing to an instance for which there is a file in its /tmp', () => {
  const marks = [...nginxConf.matchAll(/if \(-f (\S+)\) \{ set \$instances (\S+); \}/g)];
  expect(marks.map(([, file]) => file)).toEqual(instances.map(([name]) => `/tmp/${name}.down`));
  expect(service('nginx').tmpfs).toContain('/tmp');
  expect(upstreams.size).toBe(1 + instances.length);
  for (const [index, [, , without = '']] of marks.entries()) {
    const expected = upstream.map(([, name, port, settings], place) => [
      name,
      port,
      place === index ? 'down' : settings,
    ]);
    expect(upstreams.get(without)?.map(([, ...parts]) => parts)).toEqual(expected);
  }
  const targets = [...nginxConf.matchAll(/proxy_pass (.*);/g)].map(([, target]) => target);
  expect(new Set(targets)).toEqual(new Set(['http://$instances']));
});

describe('the health checks', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer();
  });
  afterAll(() => server.close());

  it.each(instances)('of %s passes at a running server and at no other', async (_, instance) => {
    const [kind, ...command] = instance.healthcheck.test;
    expect(kind).toBe('CMD');
    const own = `127.0.0.1:${instance.environment.PORT}/readyz`;
    expect(command.join(' ')).toContain(own);
    const { host } = new URL(server.url);
    expect(await exitCodeOf(command, {}, [own, `${host}/readyz`])).toBe(0);
    expect(await exitCodeOf(command, {}, [own, '127.0.0.1:1/readyz'])).toBe(1);
    expect(await exitCodeOf(command, {}, [own, `${host}/api/auth/check`])).toBe(1);
  });

  it('of nginx asks through itself for what a running server answers with 200', async () => {
    const url = new URL(service('nginx').healthcheck.test.at(-1) ?? '');
    const [, listen] = /listen (\d+)/.exec(nginxConf) ?? [];
    expect(url.host).toBe(`127.0.0.1:${listen}`);
    const answer = await call(server.url, 'GET', url.pathname);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toMatch(/json/);
  });
});
