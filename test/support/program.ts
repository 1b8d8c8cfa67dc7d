/** Runs the programs of `scripts` as people do, as processes of their own. */
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { inject } from 'vitest';
import { root } from '../../scripts/lib/prepare.mjs';

export interface ProgramResult {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** The address of a database of the tests' MongoDB. */
export function databaseUri(database: string): string {
  const uri = new URL(inject('mongodbUri'));
  uri.pathname = `/${database}`;
  return uri.href;
}

/** Runs `scripts/<path>` until it ends. `env` is laid over this process's own environment. */
export async function runProgram(
  path: string,
  args: string[],
  env: Record<string, string> = {},
): Promise<ProgramResult> {
  const child = spawn(process.execPath, ['--import', 'tsx', `scripts/${path}`, ...args], {
    cwd: root,
    env: { ...process.env, NODE_ENV: 'test', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { code, stdout, stderr };
}
