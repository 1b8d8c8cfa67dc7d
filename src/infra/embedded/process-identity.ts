/**
 * Who a process number belongs to. Numbers are used again, after a reboot or in a new
 * container even by the same program, so a number is only believed together with the time
 * at which its process began.
 */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A process, told apart from any other that has or will have its number. */
export interface ProcessIdentity {
  pid: number;
  started: string;
}

/** The identity of a running process; undefined when none with that number runs. */
export async function identify(pid: number): Promise<ProcessIdentity | undefined> {
  try {
    const started =
      process.platform === 'linux' ? await linuxStart(pid) : await psField(pid, 'lstart');
    return started === undefined ? undefined : { pid, started };
  } catch {
    return undefined;
  }
}

/** Whether exactly this process still runs. */
export async function isAlive(identity: ProcessIdentity): Promise<boolean> {
  return (await identify(identity.pid))?.started === identity.started;
}

/** Whether the process was started with this folder among its arguments. */
export async function hasArgument(pid: number, folder: string): Promise<boolean> {
  try {
    if (process.platform === 'linux') {
      return (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0').includes(folder);
    }
    return ((await psField(pid, 'command')) ?? '').includes(folder);
  } catch {
    return false;
  }
}

async function linuxStart(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // The name before it is in brackets and may hold anything, also blanks and brackets.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
  // The time counts from the boot, so the boot is part of the name.
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '');
  return `${boot.trim()} ${fields[19]}`;
}

async function psField(pid: number, field: string): Promise<string | undefined> {
  const { stdout } = await run('ps', ['-o', `${field}=`, '-p', String(pid)], { timeout: 5_000 });
  return stdout.trim() || undefined;
}
