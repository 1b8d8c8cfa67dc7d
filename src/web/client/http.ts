import { asProblem, ProblemError, UnreachableError } from './errors.ts';

export interface HttpOptions {
  /** "" for the page's own server. */
  baseUrl: string;
  /** For clients without cookies. */
  token?: string;
}

export interface CallOptions {
  body?: unknown;
  headers?: Record<string, string>;
  /** Milliseconds before the call counts as unanswered. */
  timeout?: number;
  signal?: AbortSignal;
  /** The browser carries it through though its page goes away. */
  keepalive?: boolean;
}

export interface Answer<A> {
  data: A;
  /** Address of a further page, from the Link header. */
  next: string | undefined;
}

/** One HTTP call. Throws ProblemError (refused) or UnreachableError (no answer). */
export type Http = <A>(method: string, path: string, options?: CallOptions) => Promise<Answer<A>>;

const DEFAULT_TIMEOUT = 12_000;

/** Makes the function through which all HTTP calls of one client go. */
export function createHttp({ baseUrl, token }: HttpOptions): Http {
  const identity: Record<string, string> = token ? { Authorization: `Bearer ${token}` } : {};

  return async <A>(method: string, path: string, options: CallOptions = {}) => {
    const response = await request(`${baseUrl}${path}`, method, identity, options);
    const content: unknown = await response.json().catch(() => undefined);
    if (!response.ok) throw refusal(response, content);
    return {
      data: content as A,
      next: nextOf(response.headers.get('Link')),
    };
  };
}

/** Of `<address>; rel="next"`, which may stand beside others. */
const nextOf = (link: string | null): string | undefined =>
  link?.split(',').flatMap((part) => /<(.*)>; rel="next"/.exec(part)?.[1] ?? [])[0];

async function request(
  url: string,
  method: string,
  identity: Record<string, string>,
  { body, headers, timeout = DEFAULT_TIMEOUT, signal, keepalive = false }: CallOptions,
): Promise<Response> {
  const limit = AbortSignal.timeout(timeout);
  try {
    return await fetch(url, {
      method,
      credentials: 'same-origin',
      headers: {
        Accept: 'application/json',
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
        ...identity,
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      keepalive,
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    });
  } catch (cause) {
    if (signal?.aborted) throw cause;
    const words = limit.aborted
      ? 'The server took too long to answer.'
      : 'The server cannot be reached.';
    throw new UnreachableError(words, { cause });
  }
}

function refusal(response: Response, content: unknown): Error {
  const problem = asProblem(content);
  if (problem) {
    const retryAfter = problem.retryAfter ?? Number(response.headers.get('Retry-After') ?? '0');
    return new ProblemError({ ...problem, retryAfter });
  }
  // Not the application's own words: a proxy on the way, or a server that is just starting.
  return new UnreachableError(`The server answered ${response.status}.`);
}
