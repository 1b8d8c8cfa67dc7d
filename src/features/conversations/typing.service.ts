/**
 * Who is writing something. It is told to those who are there and kept nowhere: a client counts
 * it as over after a few seconds without a further word, so one that gets lost does no harm.
 */
import type { Fanout } from '../../realtime/fanout.ts';
import { groupRoom, LEGACY_ROOM, userRoom } from '../../realtime/rooms.ts';
import type { Caller } from '../../transport/operation.ts';
import { partnerOf } from './conversation-id.ts';
import type { ConversationService } from './conversations.service.ts';

export type TypingService = ReturnType<typeof createTypingService>;

export function createTypingService(deps: {
  conversations: Pick<ConversationService, 'direct' | 'authorize'>;
  fanout: Pick<Fanout, 'emit'>;
}) {
  return {
    /** @throws AppError not_found, invalid_input (to oneself) */
    tell: async (
      { userId }: Caller,
      recipient: { userId: string } | { groupId: string },
      active: boolean,
    ): Promise<void> => {
      const { conversationId } =
        'userId' in recipient
          ? await deps.conversations.direct(userId, recipient.userId)
          : await deps.conversations.authorize(userId, recipient.groupId);
      const partner = partnerOf(conversationId, userId);
      const rooms = [partner === undefined ? groupRoom(conversationId) : userRoom(partner)];
      const except = [LEGACY_ROOM, userRoom(userId)];
      deps.fanout.emit({ rooms, except }, 'typing', { conversationId, userId, active });
    },
  };
}
