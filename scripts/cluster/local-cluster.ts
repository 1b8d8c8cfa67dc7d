/**
 * Several instances behind nginx on this machine, with MongoDB and Redis: what
 * docker-compose.yml does with images. `npm run cluster` runs it for people, the fault suite
 * for its tests; each part can be stopped, killed and halted on its own.
 */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { binaryCacheDir } from '../../src/config.ts';
import { type EmbeddedMongod, startMongod } from '../../src/infra/embedded/mongod.ts';
import { type EmbeddedRedis, startRedis } from '../../src/infra/embedded/redis.ts';
import { serverFlags } from '../lib/node-flags.ts';
import { type ControlledProcess, controlProcess, type Ending, freePort } from './processes.ts';

const projectFile = (path: string): string =>
  fileURLToPath(new URL(`../../${path}`, import.meta.url));

export interface Instance extends ControlledProcess {
  /** Past nginx, straight to this instance. */
  url: string;
}

export interface Nginx extends ControlledProcess {
  /** Resolves when nothing is sent to the instance any more. */
  takeOut(instance: Instance): Promise<void>;
  /** The next request that is its own goes to it again. */
  putBack(instance: Instance): Promise<void>;
}

/** A database server that can be ended hard and started again on its data and port. */
export interface Database {
  readonly url: string;
  /** Undefined while it does not run. */
  readonly pid: number | undefined;
  start(): Promise<void>;
  /** In order. */
  stop(): Promise<void>;
  /** kill -9. */
  kill(): Promise<void>;
  halt(): void;
  go(): void;
}

export interface LocalCluster {
  /** nginx. */
  url: string;
  instances: Instance[];
  mongodb: Database;
  /** Undefined: without Redis. */
  redis: Database | undefined;
  nginx: Nginx;
  /**
   * Restarts one instance without a dropped request, in the way that deploy/nginx.conf tells.
   * @returns how it ended
   */
  restart(instance: Instance): Promise<Ending>;
  /** Starts one more instance, past nginx. @param env over that of the others */
  addInstance(name: string, env: Record<string, string>): Promise<Instance>;
  /** Stops nginx, the instances, Redis and MongoDB, in this order. */
  close(): Promise<void>;
}

export interface LocalClusterOptions {
  instances: number;
  /** Data and logs of everything. */
  dataDir: string;
  /** The port of nginx; absent: a free one. */
  port?: number;
  /** Default: a Redis is started. 'later' leaves it to the caller to start it. */
  redis?: 'off' | 'later';
  /** Further environment variables of the instances. */
  env?: Record<string, string>;
  /** Where MongoDB keeps its data instead, for example a small file system. */
  mongodbDir?: string;
  /** Progress, a line at a time. */
  say?: (line: string) => void;
}

/** Starts everything; what was started is stopped again when something fails. */
export async function openLocalCluster(options: LocalClusterOptions): Promise<LocalCluster> {
  const { dataDir, say = () => undefined } = options;
  await mkdir(dataDir, { recursive: true });
  const closers: (() => Promise<unknown>)[] = [];
  const close = async (): Promise<void> => {
    for (let next = closers.pop(); next !== undefined; next = closers.pop()) await next();
  };
  try {
    const shared = { cacheDir: binaryCacheDir(), log: say };
    const mongodb = controlDatabase<EmbeddedMongod>(
      () => startMongod({ ...shared, dataDir: options.mongodbDir ?? dataDir }),
      ({ uri }) => uri,
    );
    closers.push(mongodb.stop);
    await mongodb.start();
    say('MongoDB runs');
    let redis: Database | undefined;
    if (options.redis !== 'off') {
      redis = controlDatabase<EmbeddedRedis>(
        async () => {
          const started = await startRedis({ ...shared, dataDir });
          if (started === undefined) throw new Error('no Redis can be had on this machine');
          return started;
        },
        ({ url }) => url,
      );
      closers.push(redis.stop);
      await redis.start();
      say('Redis runs');
      if (options.redis === 'later') await redis.stop();
    }
    const env = {
      NODE_ENV: 'production',
      HOST: '127.0.0.1',
      TRUST_PROXY: '1',
      DATA_DIR: dataDir,
      MONGODB_URI: mongodb.url,
      REDIS_URL: redis?.url ?? 'off',
      JWT_SECRET: randomBytes(32).toString('hex'),
      // Whoever tries out what a cluster holds does it from one address.
      RATE_LIMIT_SCALE: process.env.RATE_LIMIT_SCALE ?? '1000',
      ...options.env,
    };
    const instances: Instance[] = [];
    for (let index = 1; index <= options.instances; index++) {
      const instance = controlInstance(`instance-${index}`, await freePort(), dataDir, env);
      instances.push(instance);
      closers.push(instance.stop);
    }
    await Promise.all(instances.map((instance) => instance.start()));
    say(`${instances.length} instances run`);
    const port = options.port ?? (await freePort());
    const nginx = await controlNginx(port, instances, dataDir);
    closers.push(nginx.stop);
    await nginx.start();
    const addInstance: LocalCluster['addInstance'] = async (name, more) => {
      const instance = controlInstance(name, await freePort(), dataDir, { ...env, ...more });
      closers.push(instance.stop);
      await instance.start();
      return instance;
    };
    const restart: LocalCluster['restart'] = async (instance) => {
      await nginx.takeOut(instance);
      const ending = await instance.stop();
      await instance.start();
      await nginx.putBack(instance);
      return ending;
    };
    const url = `http://127.0.0.1:${port}`;
    return { url, instances, mongodb, redis, nginx, restart, addInstance, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function controlInstance(
  name: string,
  port: number,
  dataDir: string,
  env: Record<string, string>,
): Instance {
  const url = `http://127.0.0.1:${port}`;
  const controlled = controlProcess({
    name,
    command: process.execPath,
    args: [...serverFlags, projectFile('dist/server/main.js')],
    env: { ...env, PORT: String(port) },
    logFile: join(dataDir, `${name}.log`),
    isReady: () => answers(`${url}/readyz`, (status) => status === 200),
    readyMs: 30_000,
  });
  return Object.defineProperty(controlled, 'url', { value: url }) as Instance;
}

/** nginx with deploy/nginx.conf. */
async function controlNginx(port: number, instances: Instance[], dataDir: string): Promise<Nginx> {
  const folder = join(dataDir, 'nginx');
  await mkdir(folder, { recursive: true });
  const markOf = ({ name }: Instance): string => join(folder, `${name}.down`);
  const template = await readFile(projectFile('deploy/nginx.conf'), 'utf8');
  await writeFile(join(folder, 'site.conf'), siteOf(template, port, instances, markOf));
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  await writeFile(
    join(folder, 'nginx.conf'),
    [
      // Started by root, its workers would be nobody and could not keep larger bodies there.
      ...(process.getuid?.() === 0 ? ['user root;'] : []),
      'worker_processes 1;',
      `pid ${folder}/nginx.pid;`,
      `error_log ${folder}/error.log;`,
      'events { worker_connections 20000; }',
      'worker_rlimit_nofile 40000;',
      'http {',
      '  access_log off;',
      ...temporary.map((name) => `  ${name}_temp_path ${folder}/${name};`),
      `  include ${folder}/site.conf;`,
      '}\n',
    ].join('\n'),
  );
  if (spawnSync('nginx', ['-v']).error !== undefined) {
    throw new Error('nginx is not installed. Debian, Ubuntu: apt-get install nginx');
  }
  const isAnswering = (withinMs?: number) =>
    answers(`http://127.0.0.1:${port}/readyz`, () => true, withinMs);
  const controlled = controlProcess({
    name: 'nginx',
    command: 'nginx',
    args: ['-p', folder, '-c', join(folder, 'nginx.conf'), '-g', 'daemon off;'],
    logFile: join(folder, 'nginx.log'),
    isReady: () => isAnswering(),
    readyMs: 10_000,
  });
  return Object.assign(controlled, {
    takeOut: async (instance: Instance) => {
      await writeFile(markOf(instance), '');
      // What came before the mark may be on its way to the instance. There is one worker, which
      // has passed all that on when it answers what comes after the mark.
      if (!(await isAnswering(10_000))) throw new Error('nginx does not answer');
    },
    putBack: (instance: Instance) => rm(markOf(instance)),
  });
}

/**
 * deploy/nginx.conf is written for the three instances of the compose file, the container's port
 * and the container's folder for marks: these are replaced, nothing else.
 */
function siteOf(
  template: string,
  port: number,
  instances: Instance[],
  markOf: (instance: Instance) => string,
): string {
  const [, settings] = /^ {2}server parley-1:3000 (.*);$/m.exec(template) ?? [];
  const upstream = (name: string, down?: Instance): string => {
    const servers = instances.map((instance) => {
      const { host } = new URL(instance.url);
      return `  server ${host} ${instance === down ? 'down' : settings};\n`;
    });
    return `upstream ${name} {\n  hash $affinity consistent;\n${servers.join('')}}\n\n`;
  };
  const without = ({ name }: Instance): string => `without-${name}`;
  const upstreams = [
    upstream('parley'),
    ...instances.map((instance) => upstream(without(instance), instance)),
  ];
  const choices = instances.map(
    (instance) => `  if (-f ${markOf(instance)}) { set $instances ${without(instance)}; }\n`,
  );
  return template
    .replace(/^(?:upstream [^}]*}\n\n)+/m, () => upstreams.join(''))
    .replace(/^(?: {2}if \(-f .*\n)+/m, () => choices.join(''))
    .replace('listen 8080', `listen 127.0.0.1:${port}`);
}

interface Running {
  pid: number;
  close(): Promise<void>;
}

function controlDatabase<T extends Running>(
  launch: () => Promise<T>,
  urlOf: (running: T) => string,
): Database {
  let running: T | undefined;
  let url = '';
  const signal = (name: NodeJS.Signals): void => {
    try {
      if (running !== undefined) process.kill(running.pid, name);
    } catch (error) {
      // It ended by itself, as MongoDB does on a full disk.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  };
  const stop = async (): Promise<void> => {
    // A halted server would not hear the wish to end.
    signal('SIGCONT');
    await running?.close();
    running = undefined;
  };
  return {
    get url() {
      return url;
    },
    get pid() {
      return running?.pid;
    },
    start: async () => {
      running = await launch();
      const now = urlOf(running);
      if (url !== '' && now !== url) throw new Error(`the database moved from ${url} to ${now}`);
      url = now;
    },
    stop,
    kill: async () => {
      signal('SIGKILL');
      await running?.close();
      running = undefined;
    },
    halt: () => signal('SIGSTOP'),
    go: () => signal('SIGCONT'),
  };
}

async function answers(
  url: string,
  accepts: (status: number) => boolean,
  withinMs = 2_000,
): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(withinMs) });
    await response.arrayBuffer();
    return accepts(response.status);
  } catch {
    return false;
  }
}
