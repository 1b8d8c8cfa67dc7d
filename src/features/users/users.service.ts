/** People: the directory, single users, the own profile. */
import { AppError, invalid, notFound } from '../../errors.ts';
import type { OwnUser, User } from '../../protocol/types.ts';
import type { Fanout } from '../../realtime/fanout.ts';
import { MODERN_ROOM } from '../../realtime/rooms.ts';
import { attachmentIdOf } from '../attachments/attachments.present.ts';
import type { AttachmentService } from '../attachments/attachments.service.ts';
import type { AdministratorService } from './administrators.service.ts';
import { presentOwnUser, presentUser } from './users.present.ts';
import {
  prefixesOf,
  type UserProfile,
  type UserRecord,
  type UserStore,
  wordsOf,
} from './users.store.ts';

export type UserService = ReturnType<typeof createUserService>;

export function createUserService(deps: {
  store: UserStore;
  administrators: Pick<AdministratorService, 'insert'>;
  attachments: Pick<AttachmentService, 'keepPicture' | 'remove'>;
  isOnline: (userId: string) => boolean;
  fanout: Pick<Fanout, 'emit'>;
  newId: () => string;
  clock: () => Date;
}) {
  const { store } = deps;

  /** Everybody may see everybody, so everybody is told. */
  function tellAll(user: UserProfile): void {
    const presented = presentUser(user, deps.isOnline(user._id));
    deps.fanout.emit({ rooms: [MODERN_ROOM] }, 'userUpdated', presented);
  }

  return {
    /** @throws AppError email_taken */
    create: async (user: {
      fullName: string;
      email: string;
      passwordHash: string;
    }): Promise<UserProfile> => {
      const now = deps.clock();
      const record: UserRecord = {
        ...user,
        _id: deps.newId(),
        profilePic: '',
        prefixes: prefixesOf(user.fullName),
        createdAt: now,
        lastSeenAt: now,
      };
      const stored = await deps.administrators.insert(record);
      if (stored === undefined) {
        throw new AppError('email_taken', 'This e-mail address already has an account.', {
          errors: [{ path: 'email', message: 'already has an account' }],
        });
      }
      tellAll(stored);
      return stored;
    },
    /** With the password hash; for signing in only. */
    findByEmail: (email: string): Promise<UserRecord | null> => store.findByEmail(email),
    /** @throws AppError not_found */
    ownProfile: async (userId: string): Promise<OwnUser> => {
      const user = await store.find(userId);
      if (user === null) throw notFound('This user');
      return presentOwnUser(user);
    },
    /** @throws AppError not_found */
    get: async (userId: string): Promise<User> => {
      const user = await store.find(userId);
      if (user === null) throw notFound('This user');
      return presentUser(user, deps.isOnline(userId));
    },
    /** @throws AppError not_found */
    requireExisting: async (userId: string): Promise<void> => {
      if (!(await store.exists(userId))) throw notFound('This user');
    },
    /** @throws AppError not_found naming the first id that is no user's. */
    requireAllExisting: async (userIds: string[]): Promise<void> => {
      const existing = await store.existing(userIds);
      const missing = userIds.find((id) => !existing.has(id));
      if (missing !== undefined) throw notFound(`The user ${missing}`);
    },
    /** By id; those that are nobody's are absent. */
    profiles: (userIds: string[]): Promise<Map<string, UserProfile>> => store.findMany(userIds),
    listByName: (without: string[], limit: number): Promise<UserProfile[]> =>
      store.listByName(without, limit),
    /** One page of the directory; `next` is the cursor of the following one. */
    search: async (
      query: string,
      cursor: string | undefined,
      limit: number,
    ): Promise<{ users: User[]; next?: string }> => {
      const words = wordsOf(query);
      // A query of punctuation alone names nobody; it must not list everybody.
      if (query !== '' && words.length === 0) return { users: [] };
      const after = cursor === undefined ? undefined : decodeCursor(cursor);
      const found = await store.search(words, after, limit + 1);
      const page = found.slice(0, limit);
      const last = page.at(-1);
      const users = page.map((user) => presentUser(user, deps.isOnline(user._id)));
      return found.length > limit && last !== undefined
        ? { users, next: encodeCursor(last) }
        : { users };
    },
    updateProfile: async (
      userId: string,
      change: { fullName?: string | undefined; profilePic?: string | undefined },
    ): Promise<OwnUser> => {
      const before = await store.find(userId);
      if (before === null) throw notFound('This user');
      const picture =
        change.profilePic === undefined
          ? undefined
          : await deps.attachments.keepPicture(userId, 'everyone', change.profilePic);
      const after = await store.update(userId, {
        ...(change.fullName === undefined
          ? {}
          : { fullName: change.fullName, prefixes: prefixesOf(change.fullName) }),
        ...(picture === undefined ? {} : { profilePic: picture.url }),
      });
      if (after === null) throw notFound('This user');
      const former = attachmentIdOf(before.profilePic);
      if (picture !== undefined && former !== undefined) await deps.attachments.remove(former);
      tellAll(after);
      return presentOwnUser(after);
    },
    /** For the start: accounts made by an earlier version are found in the directory, too. */
    completeDirectory: (): Promise<void> => store.completePrefixes(),
    touchLastSeen: (userIds: string[], at: Date): Promise<void> => store.touchLastSeen(userIds, at),
  };
}

const encodeCursor = (user: UserProfile): string =>
  Buffer.from(JSON.stringify([user.fullName, user._id])).toString('base64url');

function decodeCursor(cursor: string): { fullName: string; _id: string } {
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    if (Array.isArray(value) && typeof value[0] === 'string' && typeof value[1] === 'string') {
      return { fullName: value[0], _id: value[1] };
    }
  } catch {
    // Answered below, like every cursor that is not ours.
  }
  throw invalid('after', 'must be a cursor from a Link header');
}
