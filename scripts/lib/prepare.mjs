/**
 * What has to be there before the application or the tests can run: the dependencies, the
 * compiled server, the built web client. Each has a stamp and is made again only when its
 * inputs changed. Only Node's own modules are used here: nothing else may be installed yet.
 */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withLock } from './checkout-lock.mjs';
import { nodeVersionFault } from './node-version.mjs';
import { hashInputs, isFresh, removeStamp, writeStamp } from './stamp.mjs';
import { StepError, step, withSignals } from './step.mjs';

/** The checkout. */
export const root = resolve(fileURLToPath(import.meta.url), '../../..');

const installed = 'node_modules/.parley-stamp';

/** @type {Record<string, { title: string, inputs: string[], without?: string[], stamp: string, output: string, run: string[] }>} */
const builds = {
  server: {
    title: 'Compiling the server',
    inputs: ['src', 'tsconfig.json', 'tsconfig.build.json', 'package-lock.json'],
    without: ['src/web'],
    stamp: 'dist/.server-stamp',
    output: 'dist/server/main.js',
    // Types are the business of `npm run typecheck`; without them this takes a tenth of the time.
    run: ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json', '--noCheck'],
  },
  web: {
    title: 'Building the web client',
    inputs: ['src/web', 'src/protocol', 'package-lock.json'],
    stamp: 'dist/.web-stamp',
    output: 'dist/web/index.html',
    run: ['node_modules/vite/bin/vite.js', 'build', '--config', 'src/web/vite.config.ts'],
  },
};

/**
 * Brings the checkout up to date, one start at a time. Signals meanwhile end the process with
 * 130 or 143; afterwards they are nobody's.
 * @param {Array<'server' | 'web'>} parts
 */
export async function prepare(parts) {
  const fault = nodeVersionFault(process.versions.node);
  if (fault) throw new StepError(fault);
  if (isInstalled(root) && parts.every((part) => isBuilt(root, builds[part]))) return;
  await withSignals(() =>
    withLock(join(root, 'dist/.prepare.lock'), async () => {
      await install(root);
      for (const part of parts) await build(root, builds[part]);
    }),
  );
}

/** Has a part built again by the next start, because something else writes its output now. */
export function forgetBuild(part) {
  removeStamp(join(root, builds[part].stamp));
}

function installHash(folder) {
  // Compiled parts of packages depend on these.
  const extra = `${process.versions.modules} ${process.platform} ${process.arch}`;
  return hashInputs(folder, ['package-lock.json', 'package.json'], { extra });
}

function isInstalled(folder) {
  return isFresh(join(folder, installed), installHash(folder));
}

/**
 * Installs the dependencies when they are not those of the lock file.
 * @param {string} folder
 */
export async function install(folder) {
  if (isInstalled(folder)) return;
  const hash = installHash(folder);
  removeStamp(join(folder, installed));
  // Under `npm start` npm says which npm it is; a path with .js runs under this very node.
  const npm = process.env.npm_execpath;
  const [command, first] = npm?.endsWith('.js') ? [process.execPath, [npm]] : ['npm', []];
  // Also where NODE_ENV is production: the builds need the development dependencies.
  const args = ['ci', '--include=dev', '--include=optional', '--no-audit', '--no-fund'];
  // npm's own pauses (10 s, then up to 60 s) leave one waiting for minutes without a network.
  args.push('--fetch-retry-mintimeout=1000', '--fetch-retry-maxtimeout=10000');
  await step('Installing the dependencies', command, [...first, ...args], { cwd: folder, explain });
  writeStamp(join(folder, installed), hash);
}

function explain(output) {
  if (/EACCES|EPERM/.test(output))
    return 'The dependencies cannot be installed: this user may not write here.';
  if (/ENOSPC/.test(output)) return 'The dependencies cannot be installed: the disk is full.';
  if (
    !/ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EAI_AGAIN|ENETUNREACH|ERR_SOCKET_TIMEOUT/.test(
      output,
    )
  ) {
    return undefined;
  }
  return [
    'The npm registry could not be reached, so the dependencies cannot be installed.',
    '  Check the network; which registry is asked: npm config get registry',
    '  Behind a proxy: npm config set https-proxy http://host:port',
    '  Then start again.',
  ].join('\n');
}

function buildHash(folder, { inputs, without }) {
  return hashInputs(folder, inputs, { without });
}

function isBuilt(folder, part) {
  return (
    existsSync(join(folder, part.output)) &&
    isFresh(join(folder, part.stamp), buildHash(folder, part))
  );
}

async function build(folder, part) {
  if (isBuilt(folder, part)) return;
  // Before the run: what is changed while it runs has to count as changed.
  const hash = buildHash(folder, part);
  removeStamp(join(folder, part.stamp));
  await step(part.title, process.execPath, part.run, { cwd: folder });
  if (part === builds.server) removeOrphans(folder, '');
  writeStamp(join(folder, part.stamp), hash);
}

/** The compiler leaves what it made of sources that are gone; nothing may find it. */
function removeOrphans(folder, path) {
  for (const entry of readdirSync(join(folder, 'dist/server', path), { withFileTypes: true })) {
    const inside = join(path, entry.name);
    const source = inside.replace(/\.js(\.map)?$/, '.ts');
    if (!existsSync(join(folder, 'src', source))) {
      rmSync(join(folder, 'dist/server', inside), { recursive: true, force: true });
    } else if (entry.isDirectory()) removeOrphans(folder, inside);
  }
}
