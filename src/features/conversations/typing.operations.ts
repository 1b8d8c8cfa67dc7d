import { type EventOperations, forUsers } from '../../transport/operation.ts';
import type { TypingService } from './typing.service.ts';

export const typingEvents = (typing: TypingService): EventOperations<'typing'> => ({
  typing: forUsers(async ({ to, groupId, active }, caller) => {
    // The schema lets exactly one of them through.
    const recipient = to === undefined ? { groupId: groupId ?? '' } : { userId: to };
    await typing.tell(caller, recipient, active);
    return { body: {} };
  }),
});
