/**
 * The one pipeline of every request, over HTTP and over sockets:
 *
 *   authenticate -> limit -> parse -> call -> map error -> measure
 *
 * Who asks, and whether too often, is known before the input is read, so that a stranger's 8 MB
 * body costs nothing. Strangers are counted when they are found to be some (admission.ts);
 * attempts to log in once more when the account is parsed (login-limit.ts).
 */
import type { z } from 'zod';
import { AppError, toAppError, toProblem } from '../errors.ts';
import type { ActiveSession } from '../features/auth/sessions.service.ts';
import type { Logger } from '../infra/logger.ts';
import type { Problem } from '../protocol/problems.ts';
import type { Operation, Reply, RequestContext } from './operation.ts';

export interface Invocation<I, T> {
  /** As in the tables of routes and events; for logs. */
  name: string;
  operation: Operation<I, T>;
  context: RequestContext;
  /** @throws AppError unauthenticated */
  authenticate: () => ActiveSession | Promise<ActiveSession>;
  /** Counts the request. @throws AppError rate_limited */
  limit: (session: ActiveSession | undefined) => void | Promise<void>;
  /** The input, parsed. @throws AppError invalid_input and what reading a body may throw. */
  read: () => I | Promise<I>;
  /** It lasts as long as the client sends, which is no slowness of the server. */
  atClientsPace?: true;
}

export type Outcome<T> =
  | { ok: true; reply: Reply<T>; session?: ActiveSession }
  | { ok: false; problem: Problem };

export type RunOperation = <I, T>(invocation: Invocation<I, T>) => Promise<Outcome<T>>;

/** Slower than this is worth a line in the log, */
const SLOW_MS = 1_000;
/** but not more often than this for one operation: a slow database slows every request. */
const SLOW_LINE_EVERY_MS = 5_000;

/**
 * Never throws: every error becomes a problem, and unexpected ones are logged.
 * @param measure told of every operation; outcome is "ok" or the code of the problem
 * @param requireAdmin throws AppError forbidden for everybody else
 */
export function createRunOperation(
  log: Logger,
  measure: (operation: string, transport: string, outcome: string, seconds: number) => void,
  requireAdmin: (userId: string) => Promise<void>,
): RunOperation {
  /** Operation -> slow ones since the last line about it. */
  const slow = new Map<string, { since: number; count: number; longest: number }>();

  function noteSlow(name: string, requestId: string, took: number): void {
    const now = performance.now();
    const noted = slow.get(name) ?? { since: Number.NEGATIVE_INFINITY, count: 0, longest: 0 };
    noted.count++;
    noted.longest = Math.max(noted.longest, took);
    slow.set(name, noted);
    if (now - noted.since < SLOW_LINE_EVERY_MS) return;
    const { count, longest } = noted;
    log.warn(
      { operation: name, requestId, count, longestMs: Math.round(longest) },
      'slow operations since the last line about them',
    );
    slow.set(name, { since: now, count: 0, longest: 0 });
  }

  return async (invocation) => {
    const { name, operation, context, authenticate, limit, read, atClientsPace } = invocation;
    const { requestId } = context;
    const startedAt = performance.now();
    let outcome = 'ok';
    try {
      if (operation.access === 'anyone') {
        await limit(undefined);
        return { ok: true, reply: await operation.run(await read(), context) };
      }
      if (operation.access === 'perhaps-user') {
        const known = await sessionIfAny(authenticate);
        await limit(known);
        const caller = known === undefined ? undefined : { ...context, ...identityOf(known) };
        return { ok: true, reply: await operation.run(await read(), caller) };
      }
      // Events know both at once, and each needless wait is paid for by every message.
      const asked = authenticate();
      const session = asked instanceof Promise ? await asked : asked;
      const counted = limit(session);
      if (counted instanceof Promise) await counted;
      if (operation.access === 'admin') await requireAdmin(session.userId);
      const given = read();
      const input = given instanceof Promise ? await given : given;
      const reply = await operation.run(input, { ...context, ...identityOf(session) });
      return { ok: true, reply, session };
    } catch (thrown) {
      const error = toAppError(thrown);
      outcome = error.code;
      if (error.status >= 500) {
        log.error({ err: error.cause ?? error, operation: name, requestId }, 'an operation failed');
      }
      return { ok: false, problem: toProblem(error, requestId) };
    } finally {
      const took = performance.now() - startedAt;
      measure(name, context.transport, outcome, took / 1_000);
      if (took > SLOW_MS && !atClientsPace) noteSlow(name, requestId, took);
    }
  };
}

async function sessionIfAny(
  authenticate: Invocation<unknown, unknown>['authenticate'],
): Promise<ActiveSession | undefined> {
  try {
    return await authenticate();
  } catch (error) {
    if (error instanceof AppError && error.code === 'unauthenticated') return undefined;
    throw error;
  }
}

const identityOf = ({ userId, sessionId }: ActiveSession) => ({ userId, sessionId });

/**
 * Parses input by a schema of the contract.
 * @param prefix where it stands in the request, for the path in the error.
 * @throws AppError invalid_input naming every fault.
 */
export function parseInput<S extends z.ZodType>(
  schema: S,
  value: unknown,
  prefix = '',
): z.output<S> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const errors = parsed.error.issues.slice(0, 20).flatMap((issue) => {
    const at = [...(prefix === '' ? [] : [prefix]), ...issue.path].map(String);
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.slice(0, 20).map((key) => ({
        path: [...at, key].join('.').slice(0, 200),
        message: 'is not a known field',
      }));
    }
    return [{ path: at.join('.').slice(0, 200), message: issue.message }];
  });
  const detail = errors
    .slice(0, 3)
    .map(({ path, message }) => (path === '' ? message : `${path}: ${message}`))
    .join('; ');
  throw new AppError('invalid_input', detail, { errors });
}
