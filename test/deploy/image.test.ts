/**
 * deploy/Dockerfile against what the application needs. No container engine is assumed to be
 * there: the text is read, and its commands are compared with what lies in the checkout.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { serverFlags } from '../../scripts/lib/node-flags.ts';
import { nodeVersionFault } from '../../scripts/lib/node-version.mjs';
import { parseConfig } from '../../src/config.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { execForm, readDockerfile, saying, variables } from './dockerfile.ts';
import { exitCodeOf } from './health-command.ts';

const stages = readDockerfile(readFileSync('deploy/Dockerfile', 'utf8'));
const image = stages.at(-1) ?? [];
const env = variables(image);
const command = execForm(saying(image, 'CMD')[0] ?? '');
const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as {
  scripts: Record<string, string>;
  dependencies: Record<string, string>;
};

describe('the image', () => {
  it('is made from a pinned Node.js that the application accepts, one for all stages', () => {
    const bases = new Set(stages.map((stage) => stage[0]?.rest.split(' ')[0] ?? ''));
    expect(bases.size).toBe(1);
    const [, version] = /^node:(\d+\.\d+\.\d+)-\w+-slim$/.exec([...bases][0] ?? '') ?? [];
    expect(version).toBeDefined();
    expect(nodeVersionFault(version ?? '')).toBeUndefined();
  });

  it('runs what a build leaves, directly and with the flags of npm start', () => {
    const [program, ...args] = command;
    expect(program).toBe('node');
    const file = args.at(-1) ?? '';
    expect(existsSync(file), file).toBe(true);
    expect(saying(image, 'COPY')).toContain('--from=build /app/dist dist');
    const flags = (words: string[]) => words.filter((word) => word.startsWith('--'));
    expect(flags(args)).toEqual(serverFlags);
    expect(flags(manifest.scripts.start?.split(' ') ?? [])).toEqual(serverFlags);
  });

  it('is built by a script that is there, and installs for its use without that for the build', () => {
    const runs = stages.flatMap((stage) => saying(stage, 'RUN'));
    const scripts = runs.flatMap((run) => /^npm run (\S+)$/.exec(run)?.[1] ?? []);
    expect(scripts).toEqual(['build']);
    expect(manifest.scripts).toHaveProperty('build');
    const installs = runs.filter((run) => run.startsWith('npm ci'));
    expect(installs.map((run) => /--(include|omit)=dev/.exec(run)?.[1])).toEqual([
      'include',
      'omit',
    ]);
    const own = saying(image, 'COPY').filter((rest) => rest.includes('node_modules'));
    expect(own).toEqual(['--from=dependencies /app/node_modules node_modules']);
    expect(stages[1]?.[0]?.rest).toMatch(/ AS dependencies$/);
    expect(saying(stages[1] ?? [], 'RUN').join()).toContain('--omit=dev');
  });

  it('has every package that the server imports', () => {
    const imported = readdirSync('src', { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(ts|mjs)$/.test(name) && !name.startsWith('web/'))
      .flatMap((name) => [
        ...readFileSync(join('src', name), 'utf8').matchAll(
          /(?:\bfrom|\bimport\(|\brequire\(|^import)\s*'([@a-z][\w@/.:-]*)'/gm,
        ),
      ])
      .map(([, target = '']) => /^(@[^/]+\/)?[^/]+/.exec(target)?.[0] ?? '')
      .filter((name) => !name.startsWith('node:') && !builtinModules.includes(name));
    expect(imported).toContain('mongoose');
    expect([...new Set(imported)].filter((name) => !(name in manifest.dependencies))).toEqual([]);
  });

  it('is not root, and owns the folder of its data only', () => {
    expect(saying(image, 'USER')).toEqual(['node']);
    const data = env.DATA_DIR ?? '';
    expect(saying(image, 'RUN')).toEqual([`mkdir ${data} && chown node:node ${data}`]);
    expect(saying(image, 'VOLUME')).toEqual([data]);
    const names = image.map(({ name }) => name);
    expect(names.indexOf('USER')).toBeGreaterThan(names.lastIndexOf('RUN'));
    expect(names.indexOf('USER')).toBeLessThan(names.indexOf('CMD'));
  });

  it('sets variables that the application knows, and listens on the port that it exposes', () => {
    expect(() => parseConfig(env)).toThrow(/^[^:]*:\s+JWT_SECRET: required[^\n]*$/);
    const config = parseConfig({ ...env, JWT_SECRET: 'x'.repeat(32) });
    expect(config).toMatchObject({ production: true, host: '0.0.0.0', dataDir: '/data' });
    expect(saying(image, 'EXPOSE')).toEqual([String(config.port)]);
  });
});

describe('the build context', () => {
  const ignore = readFileSync('.dockerignore', 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  const copied = stages
    .flatMap((stage) => saying(stage, 'COPY'))
    .filter((rest) => !rest.startsWith('--from'))
    .flatMap((rest) => rest.split(' ').slice(0, -1));

  it('is what the Dockerfile copies, and nothing else: no .env, no data', () => {
    expect(ignore[0]).toBe('*');
    const allowed = ignore.slice(1).map((line) => line.replace(/^!/, ''));
    expect(ignore.slice(1).every((line) => line.startsWith('!'))).toBe(true);
    expect(new Set(allowed)).toEqual(new Set(copied));
  });

  it('is there', () => {
    expect(copied.length).toBeGreaterThan(4);
    expect(copied.filter((path) => !existsSync(path))).toEqual([]);
  });
});

describe('the health check of the image', () => {
  const [, check = ''] = /\bCMD (.*)$/.exec(saying(image, 'HEALTHCHECK')[0] ?? '') ?? [];
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer();
  });
  afterAll(() => server.close());

  it('passes at a running server, and fails where there is none', async () => {
    const { port } = new URL(server.url);
    // By name, because the web client answers every other path with 200.
    expect(check).toContain("'/readyz'");
    expect(await exitCodeOf(execForm(check), { PORT: port })).toBe(0);
    expect(await exitCodeOf(execForm(check), { PORT: '1' })).toBe(1);
  });
});
