/**
 * Which program to run as the private database server.
 *
 * The places are asked in order until one gives a binary that runs: the one that wrote the
 * data last, the PATH, the cache, then the downloads. A place that has nothing says why, and
 * if all are empty the reasons together become the message.
 */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { access, constants, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** A program that was seen to run. */
export interface Binary {
  path: string;
  /** "mongod", "redis" or "valkey". */
  product: string;
  /** Full version, such as 6.0.5. */
  version: string;
}

/** Why a place gave no binary; with `missing` the shared libraries that it lacks. */
export interface Unusable {
  reason: string;
  missing?: string;
}

/** One place to look. `find` gives a path, or says why there is none; it may download. */
export interface Source {
  name: string;
  find(): Promise<string | Unusable>;
}

/** Major version: 6 of 6.0.5. */
export function major(version: string): number {
  return Number.parseInt(version, 10);
}

/**
 * The first binary that runs and is `accepted`; otherwise what each place said, for a message.
 * `accepted` returns a reason to refuse a version, or undefined.
 */
export async function firstUsable(
  sources: Source[],
  accepted: (binary: Binary) => string | undefined,
): Promise<Binary | { failures: Array<Unusable & { source: string }> }> {
  const failures: Array<Unusable & { source: string }> = [];
  for (const source of sources) {
    const found = await source.find();
    const tried = typeof found === 'string' ? await inspect(found) : found;
    if ('reason' in tried) {
      failures.push({ source: source.name, ...tried });
      continue;
    }
    const refusal = accepted(tried);
    if (refusal === undefined) return tried;
    failures.push({ source: source.name, reason: `${tried.path}: ${refusal}` });
  }
  return { failures };
}

/** Runs `--version`: what the program is, or why it does not run. */
export async function inspect(path: string): Promise<Binary | Unusable> {
  const { output, error } = await versionOf(path);
  const missing = /([\w.+-]+\.so[\w.]*): cannot open shared object file/.exec(output)?.[1];
  if (missing) return { reason: `${path} needs the shared library ${missing}`, missing };
  const mongod = /db version v(\d+\.\d+\.\d+)/.exec(output)?.[1];
  if (mongod) return { path, product: 'mongod', version: mongod };
  const redis = /(Redis|Valkey) server v=(\d+\.\d+\.\d+)/i.exec(output);
  if (redis?.[1] && redis[2]) return { path, product: redis[1].toLowerCase(), version: redis[2] };
  return { reason: `${path} does not run: ${error ?? output.trim().slice(0, 200)}` };
}

function versionOf(path: string): Promise<{ output: string; error: string | undefined }> {
  return new Promise((resolve) => {
    execFile(path, ['--version'], { timeout: 15_000 }, (error, stdout, stderr) => {
      const lastLine = stderr.trim().split('\n').at(-1) || error?.message.split('\n')[0];
      resolve({ output: `${stdout}\n${stderr}`, error: error ? lastLine : undefined });
    });
  });
}

/** A program on the PATH, under the first of these names. */
export function pathSource(names: string[]): Source {
  return {
    name: `${names.join(' or ')} on the PATH`,
    async find() {
      for (const name of names) {
        const path = await onPath(name);
        if (path) return path;
      }
      return { reason: 'not installed' };
    },
  };
}

/** The absolute path of a command; undefined when the PATH has none. */
export function onPath(name: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile('/bin/sh', ['-c', 'command -v "$0"', name], (error, stdout) => {
      resolve(error ? undefined : stdout.trim() || undefined);
    });
  });
}

/** Binaries that an earlier download left in one of these folders, the newest version first. */
export function cacheSource(
  folders: string[],
  product: string,
  file: string,
  only?: number,
): Source {
  return {
    name: 'earlier download',
    async find() {
      const found: Array<{ path: string; version: string }> = [];
      for (const folder of folders) {
        for (const entry of await readdir(folder).catch(() => [])) {
          const version = entry.startsWith(`${product}-`) ? entry.slice(product.length + 1) : '';
          const path = join(folder, entry, file);
          const fits = only === undefined || major(version) === only;
          if (/^\d/.test(version) && fits && (await isFile(path))) found.push({ path, version });
        }
      }
      found.sort((a, b) => b.version.localeCompare(a.version, 'en', { numeric: true }));
      return found[0]?.path ?? { reason: 'none' };
    },
  };
}

/** The first of these folders that can be made and written; undefined when none can. */
export async function firstWritable(folders: string[]): Promise<string | undefined> {
  for (const folder of folders) {
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await access(folder, constants.W_OK | constants.X_OK);
      return folder;
    } catch {
      // The next one may do.
    }
  }
  return undefined;
}

/**
 * Gives `work` an empty folder inside the cache and removes it afterwards. Downloads are made
 * there and renamed into place when complete, so that two starts at once never see half a file.
 */
export async function inScratch<T>(
  cache: string,
  work: (folder: string) => Promise<T>,
): Promise<T> {
  await removeOldScratch(cache);
  const folder = join(cache, `.tmp-${randomUUID()}`);
  await mkdir(folder, { mode: 0o700 });
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function removeOldScratch(cache: string): Promise<void> {
  for (const entry of await readdir(cache).catch(() => [])) {
    const folder = join(cache, entry);
    const age = Date.now() - ((await stat(folder).catch(() => undefined))?.mtimeMs ?? Date.now());
    if (entry.startsWith('.tmp-') && age > 3_600_000) {
      await rm(folder, { recursive: true, force: true }).catch(() => undefined);
    }
  }
}

/** The binary that last wrote a data folder; undefined for a new one. */
export async function recordedBinary(folder: string): Promise<Binary | undefined> {
  try {
    const value = JSON.parse(await readFile(recordFile(folder), 'utf8')) as Partial<Binary>;
    const { path, product, version } = value;
    return path && product && version ? { path, product, version } : undefined;
  } catch {
    return undefined;
  }
}

/** Notes which binary writes a data folder. */
export async function recordBinary(folder: string, binary: Binary): Promise<void> {
  await mkdir(dirname(recordFile(folder)), { recursive: true });
  await writeFile(recordFile(folder), `${JSON.stringify(binary)}\n`);
}

/** The Debian packages that contain these libraries, or the libraries themselves. */
export function aptHint(libraries: string[]): string {
  const packages: Record<string, string> = {
    'libcurl.so.4': 'libcurl4',
    'libssl.so.3': 'libssl3',
    'libcrypto.so.3': 'libssl3',
    'liblzma.so.5': 'liblzma5',
  };
  const names = libraries.map((library) => packages[library] ?? library);
  // A mongod that lacks one of its two usual libraries mostly lacks the other as well.
  if (names.includes('libcurl4')) names.push('libssl3');
  return `apt-get install -y ${[...new Set(names)].join(' ')}`;
}

function recordFile(folder: string): string {
  return join(folder, '.binary.json');
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() ?? false;
}
