/**
 * A step of the preparation: a child process with its output kept back until it fails, in a
 * process group of its own, so that a signal to this process ends it together with whatever it
 * started.
 */
import { spawn } from 'node:child_process';

const signalNumbers = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 };
const progressMs = 10_000;

/** A failed step; the message is for a person and is printed without a stack. */
export class StepError extends Error {}

/** @type {Set<import('node:child_process').ChildProcess>} */
const children = new Set();
let interrupted;

/**
 * Runs `work`; a signal meanwhile goes to all children, and ends this process when they have
 * ended, or have been killed because they took longer than the limit.
 */
export async function withSignals(work, killAfterMs = 5_000) {
  const handlers = Object.keys(signalNumbers).map((signal) => {
    const handler = () => interrupt(signal, killAfterMs);
    process.on(signal, handler);
    return () => process.off(signal, handler);
  });
  try {
    return await work();
  } finally {
    for (const remove of handlers) remove();
  }
}

function interrupt(signal, killAfterMs) {
  if (interrupted) return;
  interrupted = signal;
  tell('Stopping …');
  for (const child of children) killGroup(child, signal);
  setTimeout(() => {
    for (const child of children) killGroup(child, 'SIGKILL');
    leave();
  }, killAfterMs).unref();
  if (children.size === 0) leave();
}

function leave() {
  process.exit(128 + signalNumbers[interrupted]);
}

/** A child that is stopped with this process. @returns {Promise<{ code: number | null, signal: string | null }>} */
export function runInGroup(command, args, options, onChild = () => {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { detached: true, ...options });
    children.add(child);
    onChild(child);
    child.once('error', (error) => {
      children.delete(child);
      reject(error);
    });
    child.once('close', (code, signal) => {
      children.delete(child);
      if (interrupted) {
        if (children.size === 0) leave();
        return;
      }
      resolve({ code, signal });
    });
  });
}

/** Ends all children and waits for nothing. */
export function stopChildren() {
  for (const child of children) killGroup(child, 'SIGTERM');
}

/**
 * Runs one step. Its output appears only when it fails, the last 40 lines of it.
 * @param {string} title what is being done, for a person
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd: string, explain?: (output: string) => string | undefined }} options `explain`
 *   turns known output into a message of its own
 */
export async function step(title, command, args, { cwd, explain = () => undefined }) {
  const began = Date.now();
  const seconds = () => `${((Date.now() - began) / 1000).toFixed(1)} s`;
  tell(`${title} …`);
  const progress = setInterval(() => tell(`${title}: ${seconds()} so far`), progressMs);
  let output = '';
  try {
    const stdio = ['ignore', 'pipe', 'pipe'];
    const { code, signal } = await runInGroup(command, args, { cwd, stdio }, (child) => {
      const hear = (chunk) => {
        output = (output + chunk).slice(-200_000);
      };
      child.stdout.on('data', hear);
      child.stderr.on('data', hear);
    });
    if (code === 0) return tell(`${title}: done in ${seconds()}`);
    const last = output.trimEnd().split('\n').slice(-40).join('\n');
    throw new StepError(
      `${explain(output) ?? `${title} failed (${signal ?? `exit code ${code}`})`}\n\n${last}`,
    );
  } catch (error) {
    if (error instanceof StepError) throw error;
    throw new StepError(`${title} failed: ${command} cannot be run (${error.message})`);
  } finally {
    clearInterval(progress);
  }
}

function killGroup(child, signal) {
  try {
    process.kill(-child.pid, signal);
  } catch {
    // It has ended already.
  }
}

/** Progress goes to stderr; stdout is for data. */
export function tell(line) {
  process.stderr.write(`${line}\n`);
}
