import type { ChildProcess, SpawnOptions } from 'node:child_process';

export class StepError extends Error {}
export function withSignals<T>(work: () => Promise<T>, killAfterMs?: number): Promise<T>;
export function runInGroup(
  command: string,
  args: string[],
  options: SpawnOptions,
  onChild?: (child: ChildProcess) => void,
): Promise<{ code: number | null; signal: string | null }>;
export function tell(line: string): void;
