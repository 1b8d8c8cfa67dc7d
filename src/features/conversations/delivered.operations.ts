import { type EventOperations, forUsers } from '../../transport/operation.ts';
import type { ConversationService } from './conversations.service.ts';

export const deliveredEvents = (
  conversations: Pick<ConversationService, 'markDelivered'>,
): EventOperations<'markDelivered'> => ({
  markDelivered: forUsers(async ({ positions }, { userId }) => ({
    body: { delivered: await conversations.markDelivered(userId, positions) },
  })),
});
