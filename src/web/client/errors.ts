import type { Problem } from '../../protocol/problems.ts';

/** The server answered, and refused. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail);
    this.problem = problem;
  }

  get status(): number {
    return this.problem.status;
  }
}

/** No answer: no connection, a time limit, or something between here and the server. */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError';
}

const tryAgainStatuses = new Set([408, 425, 429]);

/** Whether the same request may succeed later. The outcome of such a failure is unknown. */
export function isRetryable(error: unknown): boolean {
  if (!(error instanceof ProblemError)) return true;
  return error.status >= 500 || tryAgainStatuses.has(error.status);
}

/** Whether it was refused only because too much was sent; nothing was done. */
export const isLimited = (error: unknown): boolean =>
  error instanceof ProblemError && error.status === 429;

/** Milliseconds the server asked to wait, or 0. */
export function askedDelay(error: unknown): number {
  if (!(error instanceof ProblemError)) return 0;
  return (error.problem.retryAfter ?? 0) * 1_000;
}

/** One sentence for a person. */
export function explain(error: unknown): string {
  if (error instanceof ProblemError) return error.problem.detail;
  if (error instanceof UnreachableError) return error.message;
  return 'Something went wrong. Please try again.';
}

/** What the server says about one field of a form, if anything. */
export function faultOf(error: unknown, field: string): string | undefined {
  if (!(error instanceof ProblemError)) return undefined;
  return error.problem.errors?.find((fault) => fault.path.split('.')[0] === field)?.message;
}

/** Reads a refusal out of an unknown value, or undefined where it is none. */
export function asProblem(value: unknown): Problem | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (!('status' in value) || typeof value.status !== 'number') return undefined;
  if (!('detail' in value) || typeof value.detail !== 'string') return undefined;
  return value as Problem;
}
