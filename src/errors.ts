/** The application's errors, and how any error becomes a problem on the wire. */
import { type FieldError, type Problem, type ProblemCode, problems } from './protocol/problems.ts';

/**
 * An error that the caller is told about: `code` from the one table in protocol/problems.ts,
 * `detail` a sentence for people that names what is wrong and what is allowed.
 */
export class AppError extends Error {
  override name = 'AppError';
  readonly code: ProblemCode;
  readonly errors: FieldError[] | undefined;
  /** Seconds; travels as Retry-After. */
  readonly retryAfter: number | undefined;

  constructor(
    code: ProblemCode,
    detail: string,
    options: { errors?: FieldError[]; retryAfter?: number; cause?: unknown } = {},
  ) {
    super(detail, { cause: options.cause });
    this.code = code;
    this.errors = options.errors;
    this.retryAfter = options.retryAfter;
  }

  get status(): number {
    return problems[this.code].status;
  }
}

/** The same words for what does not exist and what is not the caller's to know. */
export const notFound = (what: string): AppError =>
  new AppError('not_found', `${what} does not exist, or you have no access to it.`);

/** In one wording for every reason: no token, a forged or an old one, a session that ended. */
export const signedOut = (): AppError =>
  new AppError('unauthenticated', 'Please sign in: there is no valid session.');

/** A refusal of one field, in the words and the form of a schema's. */
export const invalid = (path: string, message: string): AppError =>
  new AppError('invalid_input', `${path}: ${message}`, { errors: [{ path, message }] });

/** The outcome is unknown; sending the same again, with the same clientId, settles it. */
export const unavailable = (detail: string, cause?: unknown): AppError =>
  new AppError('unavailable', detail, { retryAfter: 1, cause });

/**
 * Driver and network errors that pass by themselves: a database without a primary, a pool
 * without a free connection, an operation out of time. Told by name, so that this file
 * depends on no driver.
 */
const transient =
  /^TimeLimitError$|^Mongo(ServerSelection|Network|NetworkTimeout|WaitQueueTimeout|OperationTimeout|NotConnected|PoolCleared|PoolClosed|TopologyClosed|WriteConcern)Error$|^PoolClearedOnNetworkError$|^MongooseServerSelectionError$/;

const passing = new Set(['RetryableWriteError', 'TransientTransactionError', 'ResetPool']);

/** MongoDB's codes: a time limit of the query or of the write concern, a primary that steps or shuts down or is gone. */
const transientCodes = new Set([50, 64, 91, 189, 10_107, 11_600, 11_602, 13_435, 13_436]);

/** Any thrown value as an AppError; what is not known becomes `internal` and keeps its cause. */
export function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  if (isTransient(error)) {
    return unavailable('The database does not answer at the moment. Please try again.', error);
  }
  return new AppError('internal', 'Something went wrong on the server.', { cause: error });
}

/** Whether trying the same again may succeed without anything being changed. */
export function isTransient(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = 'code' in error ? error.code : undefined;
  // The driver wraps what happens to a bulk write on its way; only a server's answer has a code.
  if (error.name === 'MongoBulkWriteError' && code === undefined) return true;
  if (transient.test(error.name) || (typeof code === 'number' && transientCodes.has(code))) {
    return true;
  }
  // What the driver or the server itself marks as passing.
  const labels =
    'errorLabels' in error && Array.isArray(error.errorLabels) ? error.errorLabels : [];
  if (labels.some((label) => passing.has(label))) return true;
  return error.cause !== error && isTransient(error.cause);
}

/** The wire form of an error. */
export function toProblem(error: AppError, requestId: string): Problem {
  const { status, title } = problems[error.code];
  return {
    type: 'about:blank',
    title,
    status,
    detail: error.message,
    code: error.code,
    requestId,
    ...(error.errors === undefined ? {} : { errors: error.errors }),
    message: error.message,
    error: error.message,
    ...(error.retryAfter === undefined ? {} : { retryAfter: error.retryAfter }),
  };
}
