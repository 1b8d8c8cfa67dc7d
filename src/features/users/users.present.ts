import type { Account, OwnUser, User } from '../../protocol/types.ts';
import type { UserProfile } from './users.store.ts';

/** A user as others may see it. */
export const presentUser = (user: UserProfile, online: boolean): User & { online: boolean } => ({
  _id: user._id,
  fullName: user.fullName,
  profilePic: user.profilePic,
  createdAt: user.createdAt.toISOString(),
  lastSeenAt: user.lastSeenAt.toISOString(),
  online,
});

/** A user as only the user itself may see it. */
export const presentOwnUser = (user: UserProfile): OwnUser => ({
  _id: user._id,
  fullName: user.fullName,
  email: user.email,
  profilePic: user.profilePic,
  createdAt: user.createdAt.toISOString(),
  lastSeenAt: user.lastSeenAt.toISOString(),
  ...(user.admin ? { admin: true } : {}),
});

/** The answer to sign-up and login. */
export const presentAccount = (user: UserProfile): Account => ({
  _id: user._id,
  fullName: user.fullName,
  email: user.email,
  profilePic: user.profilePic,
  ...(user.admin ? { admin: true } : {}),
});
