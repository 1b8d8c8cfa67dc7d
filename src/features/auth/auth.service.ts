/** Sign up, log in, log out. Passwords are only ever seen here and in the worker threads. */
import { AppError } from '../../errors.ts';
import type { PasswordPool } from '../../infra/password-pool.ts';
import { limits } from '../../protocol/limits.ts';
import type { Account, OwnUser } from '../../protocol/types.ts';
import type { SessionGrant } from '../../transport/operation.ts';
import { presentAccount, presentOwnUser } from '../users/users.present.ts';
import type { UserService } from '../users/users.service.ts';
import type { SessionService } from './sessions.service.ts';

export type AuthService = ReturnType<typeof createAuthService>;

export function createAuthService(deps: {
  users: Pick<UserService, 'create' | 'findByEmail' | 'ownProfile'>;
  sessions: SessionService;
  passwords: PasswordPool;
}) {
  const { users, sessions, passwords } = deps;

  async function signIn(
    given: { email: string; password: string },
    userAgent: string,
  ): Promise<{ account: Account; user: OwnUser; session: SessionGrant }> {
    const user = await users.findByEmail(given.email);
    // Compared also without an account, so that both cases take the same time. bcrypt would
    // take any continuation of a password of 72 bytes for the password itself.
    const matches = await passwords.matches(given.password, user?.passwordHash);
    if (!matches || user === null || Buffer.byteLength(given.password) > limits.passwordMaxBytes) {
      throw new AppError('wrong_credentials', 'The e-mail address or the password is wrong.');
    }
    const session = await sessions.open(user._id, userAgent);
    return { account: presentAccount(user), user: presentOwnUser(user), session };
  }

  return {
    /** @throws AppError email_taken */
    signUp: async (
      given: { fullName: string; email: string; password: string },
      userAgent: string,
    ): Promise<{ account: Account; session: SessionGrant }> => {
      const passwordHash = await passwords.hash(given.password);
      const { fullName, email } = given;
      const user = await users.create({ fullName, email, passwordHash });
      return {
        account: presentAccount(user),
        session: await sessions.open(user._id, userAgent),
      };
    },
    /** @throws AppError wrong_credentials */
    signIn,
    /** The own user of a session. */
    current: (userId: string): Promise<OwnUser> => users.ownProfile(userId),
  };
}
