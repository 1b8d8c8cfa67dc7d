/**
 * The one table of problem codes. A code is stable: clients branch on it, people read
 * `detail`. Status and title follow from the code (RFC 9457).
 */
export const problems = {
  invalid_input: { status: 400, title: 'Invalid input' },
  malformed_json: { status: 400, title: 'Malformed JSON' },
  invalid_image: { status: 400, title: 'Not an acceptable image' },
  unauthenticated: { status: 401, title: 'Not signed in' },
  wrong_credentials: { status: 401, title: 'Wrong e-mail or password' },
  forbidden: { status: 403, title: 'Not allowed' },
  unknown_origin: { status: 403, title: 'Unknown origin' },
  not_found: { status: 404, title: 'Not found' },
  email_taken: { status: 409, title: 'E-mail already in use' },
  client_id_reused: { status: 409, title: 'clientId already used for other content' },
  group_full: { status: 409, title: 'Group is full' },
  too_many_reactions: { status: 409, title: 'Too many different reactions' },
  too_many_uploads: { status: 409, title: 'Too many files that were not sent' },
  too_large: { status: 413, title: 'Too large' },
  unsupported_media_type: { status: 415, title: 'Unsupported media type' },
  rate_limited: { status: 429, title: 'Too many requests' },
  too_many_connections: { status: 429, title: 'Too many connections' },
  internal: { status: 500, title: 'Internal error' },
  unavailable: { status: 503, title: 'Temporarily unavailable' },
} as const satisfies Record<string, { status: number; title: string }>;

export type ProblemCode = keyof typeof problems;

/** One fault of the input: `path` leads to it, dots between the steps ("" is the whole). */
export interface FieldError {
  path: string;
  message: string;
}

/**
 * An RFC 9457 problem as it travels, in an HTTP body and in a socket acknowledgement.
 * `message` and `error` repeat `detail`, because clients in the wild read one or the other.
 */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: ProblemCode;
  requestId: string;
  errors?: FieldError[];
  message: string;
  error: string;
  /** Seconds after which a retry makes sense. */
  retryAfter?: number;
}
