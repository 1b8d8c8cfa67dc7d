import { forUsers, type RouteOperations } from '../../transport/operation.ts';
import type { ContactService } from './contacts.service.ts';

export const contactOperations = (contacts: ContactService): RouteOperations<'listContacts'> => ({
  listContacts: forUsers(async ({ query }, caller) => ({
    body: await contacts.list(caller.userId, query.limit),
  })),
});
