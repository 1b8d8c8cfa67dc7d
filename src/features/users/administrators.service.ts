/**
 * Who is administrator: whoever signs up with ADMIN_EMAIL, or has it already; without that
 * setting the first account that is nobody's seed. Nobody ceases to be one by another setting.
 */
import type { AdministratorStore } from './administrators.store.ts';
import type { UserRecord, UserStore } from './users.store.ts';

export type AdministratorService = ReturnType<typeof createAdministratorService>;

export function createAdministratorService(deps: {
  store: AdministratorStore;
  users: Pick<UserStore, 'insert' | 'isAdmin'>;
  /** Lower case; undefined: the first account. */
  adminEmail: string | undefined;
}) {
  const { store, users, adminEmail } = deps;
  /** There is one for certain, so that a sign-up asks no more. */
  let settled = false;

  return {
    /** Before the first request: also an account that is there already may be meant. */
    start: async (): Promise<void> => {
      await store.demoteSeeded();
      settled = adminEmail === undefined ? await store.settle() : true;
      if (adminEmail !== undefined) await store.promote(adminEmail);
    },
    /** Stores a new account. @returns it as it was stored; undefined when its e-mail is taken */
    insert: async (user: UserRecord): Promise<UserRecord | undefined> => {
      const isMeant = user.email === adminEmail;
      if (settled && !isMeant) return (await users.insert(user)) ? user : undefined;
      const admin = await store.insert(user, isMeant);
      if (admin === undefined) return undefined;
      settled = true;
      return admin ? { ...user, admin } : user;
    },
    /** Asked anew each time: few ask, and who is no longer one must not go on. */
    isAdmin: (userId: string): Promise<boolean> => users.isAdmin(userId),
  };
}
