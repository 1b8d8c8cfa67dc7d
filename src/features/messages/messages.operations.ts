import {
  type EventOperations,
  forUsers,
  Json,
  limitedBy,
  type RouteOperation,
  type RouteOperations,
} from '../../transport/operation.ts';
import type { ChangeService } from './changes.service.ts';
import type { MessageService } from './messages.service.ts';
import type { Stored } from './pipeline.ts';
import type { SyncService } from './sync.service.ts';

/** A retry gets the first answer again, and the status tells so. */
const stored = ({ message, created }: Stored) => ({
  body: message,
  ...(created ? {} : { status: 200 as const }),
});

const reaction = (
  changes: ChangeService,
  active: boolean,
): RouteOperation<'addReaction' | 'removeReaction'> =>
  limitedBy(
    'messages',
    forUsers(async ({ params: { messageId, emoji } }, caller) => ({
      body: await changes.change(caller, messageId, { kind: 'react', emoji, active }),
    })),
  );

export const messageOperations = (
  messages: MessageService,
  changes: ChangeService,
  sync: SyncService,
): RouteOperations<
  | 'sendDirectMessage'
  | 'listDirectMessages'
  | 'readDirectConversation'
  | 'listDirectPositions'
  | 'sendGroupMessage'
  | 'listGroupMessages'
  | 'readGroup'
  | 'listGroupPositions'
  | 'editMessage'
  | 'deleteMessage'
  | 'addReaction'
  | 'removeReaction'
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
  listDirectPositions: forUsers(async ({ params }, caller) => ({
    body: await messages.positions(caller, { userId: params.userId }),
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
  listGroupPositions: forUsers(async ({ params }, caller) => ({
    body: await messages.positions(caller, { groupId: params.id }),
  })),
  editMessage: limitedBy(
    'messages',
    forUsers(async ({ params, body }, caller) => ({
      body: await changes.change(caller, params.messageId, { kind: 'edit', text: body.text }),
    })),
  ),
  deleteMessage: limitedBy(
    'messages',
    forUsers(async ({ params }, caller) => ({
      body: await changes.change(caller, params.messageId, { kind: 'delete' }),
    })),
  ),
  addReaction: reaction(changes, true),
  removeReaction: reaction(changes, false),
  sync: forUsers(async ({ body }, caller) => ({
    body: await sync.sync(caller.userId, body.since),
  })),
});

export const messageEvents = (
  messages: MessageService,
  changes: ChangeService,
  sync: SyncService,
): EventOperations<
  'sendMessage' | 'editMessage' | 'deleteMessage' | 'reactToMessage' | 'markRead' | 'sync'
> => ({
  sendMessage: limitedBy(
    'messages',
    forUsers(async ({ to, groupId, ...content }, caller) => {
      // The schema lets exactly one of them through.
      const recipient = to === undefined ? { groupId: groupId ?? '' } : { userId: to };
      const { message } = await messages.send(caller, recipient, content);
      return { body: { message } };
    }),
  ),
  editMessage: limitedBy(
    'messages',
    forUsers(async ({ messageId, text }, caller) => ({
      body: { message: await changes.change(caller, messageId, { kind: 'edit', text }) },
    })),
  ),
  deleteMessage: limitedBy(
    'messages',
    forUsers(async ({ messageId }, caller) => ({
      body: { message: await changes.change(caller, messageId, { kind: 'delete' }) },
    })),
  ),
  reactToMessage: limitedBy(
    'messages',
    forUsers(async ({ messageId, ...reaction }, caller) => ({
      body: { message: await changes.change(caller, messageId, { kind: 'react', ...reaction }) },
    })),
  ),
  markRead: forUsers(async ({ conversationId, seq }, caller) => ({
    body: { read: await messages.readConversation(caller, conversationId, seq) },
  })),
  sync: forUsers(async ({ since }, caller) => ({ body: await sync.sync(caller.userId, since) })),
});
