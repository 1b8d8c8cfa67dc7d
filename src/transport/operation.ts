/** What an operation is: the same for HTTP routes and socket events. Types and their makers. */
import type { ClientEventAnswers, ClientEventInput, ClientEventName } from '../protocol/events.ts';
import type { RouteAnswer, RouteInput, RouteName } from '../protocol/routes.ts';

/** Where a request came from. */
export interface RequestContext {
  requestId: string;
  transport: 'http' | 'socket';
  /** The socket that asks, or the one that an HTTP client named as its own. */
  socketId?: string;
  userAgent: string;
  /** By performance.now(): what has a limit has it from here on. */
  arrivedAt: number;
}

/** A request of a signed-in user. */
export interface Caller extends RequestContext {
  userId: string;
  sessionId: string;
}

/** A session as its client gets it. */
export interface SessionGrant {
  token: string;
  expiresAt: Date;
}

/** A body that is JSON already, as it lies in a cache: best as the bytes that travel. */
export class Json {
  readonly content: string | Buffer;

  constructor(content: string | Buffer) {
    this.content = content;
  }
}

export interface Reply<T> {
  body: T;
  /** Only where it differs from the route's. */
  status?: 200 | 201;
  /** Query strings of the neighbouring pages, for the Link header. */
  links?: { next?: string; prev?: string };
  /** Sets the session cookie; null clears it. */
  session?: SessionGrant | null;
}

/** A limit beside the one that every request has, by address or by user. */
export type OperationLimit = 'messages' | 'login' | 'sign-up';

/**
 * Who may call it, how often, and what it does. What is finer than "signed in" is decided by
 * policies.
 */
export type Operation<I, T> = { limit?: OperationLimit } & (
  | { access: 'anyone'; run: (input: I, context: RequestContext) => Promise<Reply<T>> }
  | {
      access: 'perhaps-user';
      run: (input: I, caller: Caller | undefined) => Promise<Reply<T>>;
    }
  | { access: 'user' | 'admin'; run: (input: I, caller: Caller) => Promise<Reply<T>> }
);

export const forAnyone = <I, T>(
  run: (input: I, context: RequestContext) => Promise<Reply<T>>,
): Operation<I, T> => ({ access: 'anyone', run });

/** The same operation with a limit of its own. */
export const limitedBy = <I, T>(
  limit: OperationLimit,
  operation: Operation<I, T>,
): Operation<I, T> => ({ ...operation, limit });

/** For who is signed in and who is no longer: `caller` is undefined without a valid session. */
export const forPerhapsUsers = <I, T>(
  run: (input: I, caller: Caller | undefined) => Promise<Reply<T>>,
): Operation<I, T> => ({ access: 'perhaps-user', run });

export const forUsers = <I, T>(
  run: (input: I, caller: Caller) => Promise<Reply<T>>,
): Operation<I, T> => ({ access: 'user', run });

export const forAdmins = <I, T>(
  run: (input: I, caller: Caller) => Promise<Reply<T>>,
): Operation<I, T> => ({ access: 'admin', run });

export type RouteOperation<K extends RouteName> = Operation<RouteInput<K>, RouteAnswer<K> | Json>;
export type EventOperation<K extends ClientEventName> = Operation<
  ClientEventInput<K>,
  ClientEventAnswers[K]
>;

/** A feature's share of the routes and events. */
export type RouteOperations<K extends RouteName = RouteName> = { [N in K]: RouteOperation<N> };
export type EventOperations<K extends ClientEventName = ClientEventName> = {
  [N in K]: EventOperation<N>;
};
