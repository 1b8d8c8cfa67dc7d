/**
 * Every collection that has a schema, for programs beside the server: `npm run indexes` compares
 * them with the database, `npm run seed` fills them. The server itself registers each with the
 * store that owns it; a test sees to it that none is missing here.
 */
import type { Connection } from 'mongoose';
import { attachmentModel } from './features/attachments/attachments.store.ts';
import { sessionModel } from './features/auth/sessions.store.ts';
import {
  conversationModel,
  membershipModel,
} from './features/conversations/conversations.store.ts';
import { groupModel } from './features/groups/groups.store.ts';
import { messageModel } from './features/messages/messages.store.ts';
import { termsModel } from './features/search/search.store.ts';
import { userModel } from './features/users/users.store.ts';
import { busModel } from './infra/bus.ts';

/** Registers all models on a connection. */
export const registerModels = (connection: Connection) => ({
  attachments: attachmentModel(connection),
  bus: busModel(connection),
  conversations: conversationModel(connection),
  groups: groupModel(connection),
  memberships: membershipModel(connection),
  messages: messageModel(connection),
  searchTerms: termsModel(connection),
  sessions: sessionModel(connection),
  users: userModel(connection),
});
