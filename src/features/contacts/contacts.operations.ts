import { forUsers, Json, type RouteOperations } from '../../transport/operation.ts';
import type { ContactService } from './contacts.service.ts';

export const contactOperations = (contacts: ContactService): RouteOperations<'listContacts'> => ({
  listContacts: forUsers(async ({ query }, caller) => ({
    body: new Json(await contacts.list(caller.userId, query.limit)),
  })),
});
