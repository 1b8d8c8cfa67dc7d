/** What `npm start` does before the application runs: it must never leave anyone puzzled. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { withLock } from '../../scripts/lib/checkout-lock.mjs';
import { nodeVersionFault, requiredNode } from '../../scripts/lib/node-version.mjs';
import { root } from '../../scripts/lib/prepare.mjs';
import { hashInputs, isFresh, writeStamp } from '../../scripts/lib/stamp.mjs';
import { identify } from '../../src/infra/embedded/process-identity.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parley-start-'));
});
const children: ChildProcess[] = [];
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

/** A checkout without dependencies, in which `npm` is our own script. */
async function checkout(npm: string): Promise<Record<string, string | undefined>> {
  for (const path of ['package.json', 'package-lock.json', 'scripts']) {
    await cp(join(root, path), join(folder, path), { recursive: true });
  }
  await writeFile(join(folder, 'npm.js'), npm);
  return { ...process.env, npm_execpath: join(folder, 'npm.js') };
}

function start(env: Record<string, string | undefined>) {
  const args = [join(folder, 'scripts/start.mjs')];
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
  children.push(child);
  return child;
}

describe('the Node.js version', () => {
  it.each(['18.19.0', '20.18.3', '20.9.0'])('%s is refused by name', (version) => {
    const fault = nodeVersionFault(version);
    expect(fault).toContain(version);
    expect(fault).toContain(requiredNode);
    expect(fault).toContain('nodejs.org');
  });

  it.each(['20.19.0', '20.20.2', '22.0.0', '24.1.0'])('%s is accepted', (version) => {
    expect(nodeVersionFault(version)).toBeUndefined();
  });

  it('is the one that package.json names', async () => {
    const { engines } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
    expect(`${engines.node}.0`).toBe(`>=${requiredNode}`);
  });
});

describe('a stamp', () => {
  const inputs = ['src', 'tsconfig.json'];
  const hash = () => hashInputs(folder, inputs, { without: ['src/web'] });

  beforeEach(async () => {
    await mkdir(join(folder, 'src/web'), { recursive: true });
    await writeFile(join(folder, 'src/a.ts'), 'a');
    await writeFile(join(folder, 'tsconfig.json'), '{}');
    writeStamp(join(folder, 'out/stamp'), hash());
  });
  const fresh = () => isFresh(join(folder, 'out/stamp'), hash());

  it('stays good when a file is only touched, or one outside is changed', async () => {
    await utimes(join(folder, 'src/a.ts'), 1, 1);
    await writeFile(join(folder, 'src/web/page.tsx'), 'x');
    await writeFile(join(folder, 'README.md'), 'x');
    expect(fresh()).toBe(true);
  });

  it.each<[string, () => Promise<void>]>([
    ['changed', () => writeFile(join(folder, 'src/a.ts'), 'b')],
    ['added', () => writeFile(join(folder, 'src/b.ts'), '')],
    ['removed', () => rm(join(folder, 'src/a.ts'))],
    [
      'renamed',
      async () => {
        await rm(join(folder, 'src/a.ts'));
        await writeFile(join(folder, 'src/c.ts'), 'a');
      },
    ],
  ])('is stale when a file is %s', async (_, change) => {
    expect(fresh()).toBe(true);
    await change();
    expect(fresh()).toBe(false);
  });
});

describe('the installation', () => {
  it('that cannot reach the registry says so, with the last words of npm', async () => {
    const real = process.env.npm_execpath;
    const env: Record<string, string | undefined> = {
      ...(await checkout('')),
      npm_execpath: real,
      npm_config_registry: 'http://127.0.0.1:9',
      npm_config_fetch_retries: '0',
      npm_config_cache: join(folder, 'npm-cache'),
    };
    // The lock file may name another registry for each package; npm then asks that one.
    const lock = JSON.parse(await readFile(join(folder, 'package-lock.json'), 'utf8'));
    for (const entry of Object.values<{ resolved?: string }>(lock.packages)) delete entry.resolved;
    await writeFile(join(folder, 'package-lock.json'), JSON.stringify(lock));
    const child = start(env);
    const [said] = await Promise.all([text(child.stderr), once(child, 'exit')]);
    expect(child.exitCode).toBe(1);
    expect(said).toContain('The npm registry could not be reached');
    expect(said).toContain('ECONNREFUSED');
    expect(said).not.toContain('at async');
  });

  it('ends with npm on a signal, and is done again the next time', async () => {
    const env = await checkout(`
      import { appendFileSync } from 'node:fs';
      appendFileSync('runs', process.pid + '\\n');
      process.on('SIGTERM', () => process.exit(1));
      setInterval(() => {}, 1000);
    `);
    const pids = async () =>
      (await readFile(join(folder, 'runs'), 'utf8').catch(() => '')).split('\n').filter(Boolean);
    for (const nth of [1, 2]) {
      const child = start(env);
      await expect.poll(async () => (await pids()).length, { timeout: 10_000 }).toBe(nth);
      child.kill('SIGTERM');
      expect(await once(child, 'exit')).toEqual([143, null]);
      const pid = Number((await pids()).at(-1));
      expect(await identify(pid)).toBeUndefined();
    }
  });

  it('asks for the development dependencies also where NODE_ENV is production', async () => {
    const env = await checkout(
      "import { writeFileSync } from 'node:fs'; writeFileSync('asked', process.argv.join(' ')); process.exit(1);",
    );
    const child = start({ ...env, NODE_ENV: 'production' });
    expect(await once(child, 'exit')).toEqual([1, null]);
    expect(await readFile(join(folder, 'asked'), 'utf8')).toContain('ci --include=dev');
  });
});

describe('two starts at once', () => {
  it('prepare one after the other', async () => {
    const file = join(folder, 'lock');
    let inside = 0;
    let most = 0;
    const work = async () => {
      inside += 1;
      most = Math.max(most, inside);
      await new Promise((resolve) => setImmediate(resolve));
      inside -= 1;
    };
    const library = JSON.stringify(join(root, 'scripts/lib/checkout-lock.mjs'));
    const other = `import { withLock } from ${library};
      await withLock(${JSON.stringify(file)}, () => { console.log('in'); return new Promise(() => {}); });`;
    const args = ['--input-type=module', '-e', `setInterval(() => {}, 1000); ${other}`];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    children.push(child);
    await once(child.stdout, 'data');

    const waiting = withLock(file, work);
    const early = await Promise.race([
      waiting.then(() => 'done'),
      once(child.stdout, 'data', { signal: AbortSignal.timeout(300) }).catch(() => 'waits'),
    ]);
    expect(early).toBe('waits');
    // Killed, it cannot give the lock back: the next one finds that its holder is gone.
    child.kill('SIGKILL');
    await waiting;
    expect(most).toBe(1);
  });
});
