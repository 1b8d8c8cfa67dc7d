/** How a start that cannot go on ends: sysexits' numbers, as the scripts use them. */
export const exitCodes = { failed: 1, dependencyDown: 69, configuration: 78 } as const;

/**
 * The start cannot go on. The message is written for a person and says what to do; it is
 * printed alone, without a stack, and the process ends with `exitCode`.
 */
export class StartupError extends Error {
  override name = 'StartupError';
  readonly exitCode: number;

  constructor(message: string, exitCode: number = exitCodes.failed) {
    super(message);
    this.exitCode = exitCode;
  }
}
