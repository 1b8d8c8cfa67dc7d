import {
  type EventOperations,
  forUsers,
  Json,
  limitedBy,
  type RouteOperations,
} from '../../transport/operation.ts';
import type { MessageService } from './messages.service.ts';
import type { Stored } from './pipeline.ts';
import type { SyncService } from './sync.service.ts';

/** A retry gets the first answer again, and the status tells so. */
const stored = ({ message, created }: Stored) => ({
  body: message,
  ...(created ? {} : { status: 200 as const }),
});

export const messageOperations = (
  messages: MessageService,
  sync: SyncService,
): RouteOperations<
  | 'sendDirectMessage'
  | 'listDirectMessages'
  | 'readDirectConversation'
  | 'sendGroupMessage'
  | 'listGroupMessages'
  | 'readGroup'
  | 'sync'
> => ({
  sendDirectMessage: limitedBy(
    'messages',
    forUsers(async ({ params, body }, caller) =>
      stored(await messages.send(caller, { userId: params.userId }, body)),
    ),
  ),
  listDirectMessages: forUsers(async ({ params, query }, caller) => {
    const page = await messages.history(caller, { userId: params.userId }, query);
    return { body: new Json(page.json), links: page.links };
  }),
  readDirectConversation: forUsers(async ({ params, body }, caller) => ({
    body: await messages.read(caller, { userId: params.userId }, body.seq),
  })),
  sendGroupMessage: limitedBy(
    'messages',
    forUsers(async ({ params, body }, caller) =>
      stored(await messages.send(caller, { groupId: params.id }, body)),
    ),
  ),
  listGroupMessages: forUsers(async ({ params, query }, caller) => {
    const page = await messages.history(caller, { groupId: params.id }, query);
    return { body: new Json(page.json), links: page.links };
  }),
  readGroup: forUsers(async ({ params, body }, caller) => ({
    body: await messages.read(caller, { groupId: params.id }, body.seq),
  })),
  sync: forUsers(async ({ body }, caller) => ({
    body: await sync.sync(caller.userId, body.since),
  })),
});

export const messageEvents = (
  messages: MessageService,
  sync: SyncService,
): EventOperations<'sendMessage' | 'markRead' | 'sync'> => ({
  sendMessage: limitedBy(
    'messages',
    forUsers(async ({ to, groupId, text, clientId }, caller) => {
      // The schema lets exactly one of them through.
      const recipient = to === undefined ? { groupId: groupId ?? '' } : { userId: to };
      const { message } = await messages.send(caller, recipient, { text, clientId });
      return { body: { message } };
    }),
  ),
  markRead: forUsers(async ({ conversationId, seq }, caller) => ({
    body: { read: await messages.readConversation(caller, conversationId, seq) },
  })),
  sync: forUsers(async ({ since }, caller) => ({ body: await sync.sync(caller.userId, since) })),
});
