/**
 * One application per DATA_DIR.
 *
 * The lock is a file that names its holder; it is made by link(), which either creates it
 * with its content or fails, so nobody reads half of one. It is not released by the kernel:
 * a holder that was killed leaves it behind, and the next start takes it over when the named
 * process no longer runs. Known limit: processes in different containers that share the
 * folder do not see each other; the databases' own locks then speak.
 */
import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ensureFolder } from './data-dir.ts';
import { identify, isAlive, type ProcessIdentity } from './process-identity.ts';
import { exitCodes, StartupError } from './startup-error.ts';

const takeLimitMs = 5_000;

/** Another running process holds the lock. */
export class DataDirHeldError extends StartupError {
  override name = 'DataDirHeldError';
}

/** A held lock. */
export interface DataDirLock {
  /** The folder's real path. */
  folder: string;
  release(): Promise<void>;
}

/**
 * Takes the lock of a data folder for this process.
 * @throws DataDirHeldError (1) when a running process holds it, StartupError (78) when the folder cannot be written.
 */
export async function lockDataDir(dataDir: string): Promise<DataDirLock> {
  const folder = await ensureFolder(dataDir);
  const file = join(folder, 'parley.lock');
  const mine = JSON.stringify(await ownIdentity());
  const draft = `${file}.${process.pid}.${Math.random().toString(36).slice(2)}`;
  await writeFile(draft, mine, { mode: 0o600 });
  try {
    for (const limit = Date.now() + takeLimitMs; Date.now() < limit; await delay(10)) {
      if (await linked(draft, file)) return { folder, release: () => release(file, mine) };
      const holder = await holderOf(file);
      if (holder && (await isAlive(holder))) throw heldBy(holder.pid, folder);
      await clearAway(file, draft);
    }
    throw new StartupError(`The lock ${file} cannot be taken; remove it and start again.`);
  } finally {
    await rm(draft, { force: true });
  }
}

async function ownIdentity(): Promise<ProcessIdentity> {
  return (await identify(process.pid)) ?? { pid: process.pid, started: 'unknown' };
}

async function linked(draft: string, file: string): Promise<boolean> {
  try {
    await link(draft, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw new StartupError(
      `The data folder cannot be locked: ${(error as Error).message}\n` +
        '  Set DATA_DIR to a folder on a file system with hard links.',
      exitCodes.configuration,
    );
  }
}

/**
 * Removes a dead holder's lock. Only one start at a time may: otherwise one that looked early
 * would remove the lock that another has meanwhile put in its place.
 */
async function clearAway(file: string, draft: string): Promise<void> {
  const guard = `${file}.takeover`;
  if (!(await linked(draft, guard))) {
    // A start that was killed in this very moment must not bar all later ones.
    const clearing = await holderOf(guard);
    if (clearing && !(await isAlive(clearing))) await rm(guard, { force: true });
    return;
  }
  const left = await readFile(file, 'utf8').catch(() => undefined);
  const holder = left === undefined ? undefined : parseIdentity(left);
  // When it is already gone it is free to be taken, and what stands there next is alive.
  if (left !== undefined && !(holder && (await isAlive(holder)))) await rm(file, { force: true });
  await rm(guard, { force: true });
}

async function holderOf(file: string): Promise<ProcessIdentity | undefined> {
  return parseIdentity(await readFile(file, 'utf8').catch(() => ''));
}

async function release(file: string, mine: string): Promise<void> {
  const current = await readFile(file, 'utf8').catch(() => undefined);
  if (current === mine) await rm(file, { force: true });
}

function parseIdentity(text: string): ProcessIdentity | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return undefined;
    const { pid, started } = value as Partial<ProcessIdentity>;
    return typeof pid === 'number' && typeof started === 'string' ? { pid, started } : undefined;
  } catch {
    return undefined;
  }
}

function heldBy(pid: number, folder: string): DataDirHeldError {
  return new DataDirHeldError(
    `Parley already runs on this data folder: process ${pid} on ${folder}\n` +
      `  Stop it (kill ${pid}), or set DATA_DIR to another folder for a second server.`,
  );
}
