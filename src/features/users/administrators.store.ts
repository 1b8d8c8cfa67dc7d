/**
 * Who became administrator by being the first. The `deployment` collection holds that there is
 * one; its unique `_id` is what makes two first sign-ups at once, on two instances, one after
 * the other. It is written in the transaction that makes the account, so that a crash between
 * the two leaves a deployment without an administrator in neither order.
 *
 * Accounts that a seed made are left out: everybody knows their password.
 */
import type { Connection, mongo } from 'mongoose';
import { isDuplicateKey, type Transaction, transactOn } from '../../infra/mongo.ts';
import { idsWith, markerOf, SEEDS } from './seeded.ts';
import type { UserRecord } from './users.store.ts';

const DEPLOYMENT = 'deployment';
const SETTLED = 'administrator';

interface Setting {
  _id: string;
  value: string;
}

/** That there is an administrator is no longer so when it was one of these ids. */
export async function forgetAdministrator(db: mongo.Db, ids: RegExp): Promise<void> {
  await db.collection<Setting>(DEPLOYMENT).deleteOne({ _id: SETTLED, value: ids });
}

export type AdministratorStore = ReturnType<typeof createAdministratorStore>;

export function createAdministratorStore(connection: Connection) {
  const deployment = connection.collection<Setting>(DEPLOYMENT);
  const users = connection.collection<UserRecord>('users');
  const seeds = connection.collection<{ _id: string }>(SEEDS);
  const transact = transactOn(connection);

  async function noteSettled(userId: string, session: Transaction): Promise<void> {
    await deployment.updateOne(
      { _id: SETTLED },
      { $setOnInsert: { value: userId } },
      { upsert: true, session },
    );
  }

  async function isSettled(session?: Transaction): Promise<boolean> {
    const options = session === undefined ? {} : { session };
    return (await deployment.findOne({ _id: SETTLED }, options)) !== null;
  }

  /** Matches the ids of all seeds; undefined: there are none. */
  async function seededIds(session: Transaction): Promise<RegExp | undefined> {
    const names = await seeds.find({}, { projection: { _id: 1 }, session }).toArray();
    return names.length === 0 ? undefined : idsWith(...names.map(({ _id }) => markerOf(_id)));
  }

  /** Matches accounts that people made. */
  async function peoplesOwn(session: Transaction): Promise<{ _id?: { $not: RegExp } }> {
    const seeded = await seededIds(session);
    return seeded === undefined ? {} : { _id: { $not: seeded } };
  }

  /** @returns whether there was an account to make the first one */
  async function promoteOldest(session: Transaction): Promise<boolean> {
    const oldest = await users.findOneAndUpdate(
      await peoplesOwn(session),
      { $set: { admin: true }, $currentDate: { changedAt: true } },
      // Who is administrator for another reason needs no second one. Ids grow with time.
      { sort: { admin: -1, _id: 1 }, session },
    );
    if (oldest !== null) await noteSettled(oldest._id, session);
    return oldest !== null;
  }

  return {
    /** An earlier version made the oldest account administrator, also a seeded one. */
    demoteSeeded: (): Promise<void> =>
      transact(async (session) => {
        const seeded = await seededIds(session);
        const first = await deployment.findOne({ _id: SETTLED }, { session });
        if (seeded === undefined || first === null || !seeded.test(first.value)) return;
        await users.updateOne(
          { _id: first.value },
          { $unset: { admin: '' }, $currentDate: { changedAt: true } },
          { session },
        );
        await deployment.deleteOne({ _id: SETTLED }, { session });
      }),
    /** Makes the oldest account of people administrator if none was yet. @returns whether there is one now */
    settle: (): Promise<boolean> =>
      transact(async (session) => (await isSettled(session)) || promoteOldest(session)),
    /**
     * Inserts an account: as administrator if it is the first, or is to be one in any case.
     * @returns whether it became one; undefined when its e-mail has an account already
     */
    insert: async (user: UserRecord, inAnyCase: boolean): Promise<boolean | undefined> => {
      try {
        return await transact(async (session) => {
          const settled = await isSettled(session);
          const admin = inAnyCase || (!settled && !(await promoteOldest(session)));
          if (admin) await noteSettled(user._id, session);
          const { _id, ...fields } = admin ? { ...user, admin } : user;
          await users.updateOne(
            { _id },
            { $setOnInsert: fields, $currentDate: { changedAt: true } },
            { upsert: true, session },
          );
          return admin;
        });
      } catch (error) {
        if (isDuplicateKey(error)) return undefined;
        throw error;
      }
    },
    /** @returns whether a person has an account with this e-mail, which is administrator now */
    promote: (email: string): Promise<boolean> =>
      transact(async (session) => {
        const user = await users.findOneAndUpdate(
          { ...(await peoplesOwn(session)), email },
          { $set: { admin: true }, $currentDate: { changedAt: true } },
          { session },
        );
        if (user !== null) await noteSettled(user._id, session);
        return user !== null;
      }),
  };
}
