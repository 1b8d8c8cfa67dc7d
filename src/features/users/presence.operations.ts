import type { PresenceState } from '../../protocol/types.ts';
import type { Presence } from '../../realtime/presence.ts';
import { type EventOperations, forUsers } from '../../transport/operation.ts';
import type { UserService } from './users.service.ts';

export const presenceEvents = (
  presence: Pick<Presence, 'watch' | 'isOnline'>,
  users: Pick<UserService, 'profiles'>,
): EventOperations<'watchPresence'> => ({
  watchPresence: forUsers(async ({ userIds }, { socketId }) => {
    if (socketId !== undefined) presence.watch(socketId, [...new Set(userIds)]);
    const profiles = await users.profiles(userIds);
    const states = [...profiles.values()].map(
      ({ _id, lastSeenAt }): PresenceState => ({
        userId: _id,
        online: presence.isOnline(_id),
        lastSeenAt: lastSeenAt.toISOString(),
      }),
    );
    return { body: { presence: states } };
  }),
});
