import {
  forAnyone,
  forPerhapsUsers,
  forUsers,
  limitedBy,
  type RouteOperations,
} from '../../transport/operation.ts';
import type { AuthService } from './auth.service.ts';
import type { SessionService } from './sessions.service.ts';

export const authOperations = (
  auth: AuthService,
  sessions: SessionService,
): RouteOperations<
  'signup' | 'login' | 'logout' | 'checkAuth' | 'issueToken' | 'listSessions' | 'revokeSession'
> => ({
  signup: limitedBy(
    'sign-up',
    forAnyone(async ({ body }, { userAgent }) => {
      const { account, session } = await auth.signUp(body, userAgent);
      return { body: account, session };
    }),
  ),
  login: limitedBy(
    'login',
    forAnyone(async ({ body }, { userAgent }) => {
      const { account, session } = await auth.signIn(body, userAgent);
      return { body: account, session };
    }),
  ),
  // Also who was signed out elsewhere gets the cookie cleared; their client stays on screen else.
  logout: forPerhapsUsers(async (_input, caller) => {
    if (caller !== undefined) await sessions.endOwn(caller);
    return { body: { message: 'Logged out' }, session: null };
  }),
  checkAuth: forUsers(async (_input, caller) => ({ body: await auth.current(caller.userId) })),
  issueToken: limitedBy(
    'login',
    forAnyone(async ({ body }, { userAgent }) => {
      const { user, session } = await auth.signIn(body, userAgent);
      return {
        body: { token: session.token, expiresAt: session.expiresAt.toISOString(), user },
      };
    }),
  ),
  listSessions: forUsers(async (_input, caller) => ({
    body: await sessions.list(caller.userId, caller.sessionId),
  })),
  revokeSession: forUsers(async ({ params }, caller) => {
    await sessions.end(params.id, caller.userId);
    return {
      body: { message: 'Session ended' },
      ...(params.id === caller.sessionId ? { session: null } : {}),
    };
  }),
});
