/**
 * One installation or build at a time in this checkout. A second start waits for the first
 * and then mostly finds everything done. The file names its holder by number and start time; a holder
 * that no longer runs is passed over.
 */
import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { StepError, tell } from './step.mjs';

/**
 * Runs `work` while holding the lock file.
 * @template T
 * @param {string} file
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withLock(file, work) {
  const mine = `${process.pid} ${startOf(process.pid)}`;
  const draft = `${file}.${process.pid}`;
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(draft, mine);
  } catch (error) {
    throw new StepError(
      `Nothing can be built here: ${error.message}\n  Give this user the checkout, or make the folder writable.`,
    );
  }
  let told = false;
  try {
    while (!linked(draft, file)) {
      const holder = livingHolder(file);
      if (holder === undefined) clearAway(file, draft);
      else if (!told) {
        tell(`Another start (process ${holder}) is installing or building here; waiting for it`);
        told = true;
      }
      await delay(holder === undefined ? 10 : 100);
    }
  } finally {
    rmSync(draft, { force: true });
  }
  const release = () => {
    if (read(file) === mine) rmSync(file, { force: true });
  };
  process.once('exit', release);
  try {
    return await work();
  } finally {
    process.off('exit', release);
    release();
  }
}

function linked(draft, file) {
  try {
    // With its content or not at all: nobody reads half of it.
    linkSync(draft, file);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

/** Only one start at a time removes a dead holder's lock, lest it removes its successor's. */
function clearAway(file, draft) {
  const guard = `${file}.takeover`;
  if (linked(draft, guard)) {
    // When it is already gone it is free to be taken, and what stands there next is alive.
    const left = read(file);
    if (left !== undefined && !isAlive(left)) rmSync(file, { force: true });
    rmSync(guard, { force: true });
  } else if (read(guard) !== undefined && livingHolder(guard) === undefined) {
    rmSync(guard, { force: true });
  }
}

/** The number of the running process that a lock file names. */
function livingHolder(file) {
  const content = read(file) ?? '';
  return isAlive(content) ? Number.parseInt(content, 10) : undefined;
}

function isAlive(content) {
  const [pid, ...started] = content.split(' ');
  const now = startOf(Number(pid));
  return now !== '' && now === started.join(' ');
}

function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

/** When a process began, as a word; '' when none with that number runs. */
function startOf(pid) {
  if (!Number.isInteger(pid)) return '';
  try {
    if (process.platform === 'linux') {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
      return fields[0] === 'Z' ? '' : `${boot} ${fields[19]}`;
    }
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim();
  } catch {
    return '';
  }
}
