/** Health checks are commands: here they are really run, against another port. */
import { execFile } from 'node:child_process';

/**
 * Runs the command of a health check.
 * @param replace what its text and its variables say, and what they are to say here
 * @returns its exit code
 */
export function exitCodeOf(
  command: string[],
  env: Record<string, string> = {},
  replace: [string, string] = ['', ''],
): Promise<number> {
  const [program = '', ...args] = command.map((part) => part.replaceAll(...replace));
  if (program !== 'node') throw new Error(`${program} is not run here`);
  return new Promise((resolve) => {
    const child = execFile(process.execPath, args, { env, timeout: 10_000 }, () =>
      resolve(child.exitCode ?? -1),
    );
  });
}
