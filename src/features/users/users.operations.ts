import { forUsers, type RouteOperations } from '../../transport/operation.ts';
import type { UserService } from './users.service.ts';

export const userOperations = (
  users: UserService,
): RouteOperations<'updateProfile' | 'searchUsers' | 'getUser'> => ({
  updateProfile: forUsers(async ({ body }, caller) => ({
    body: await users.updateProfile(caller.userId, body),
  })),
  searchUsers: forUsers(async ({ query }) => {
    const page = await users.search(query.query, query.after, query.limit);
    return {
      body: page.users,
      links: page.next === undefined ? {} : { next: `after=${page.next}` },
    };
  }),
  getUser: forUsers(async ({ params }) => ({ body: await users.get(params.id) })),
});
