import { forUsers, type RouteOperations } from '../../transport/operation.ts';
import type { GroupService } from './groups.service.ts';

export const groupOperations = (
  groups: GroupService,
): RouteOperations<
  | 'listGroups'
  | 'createGroup'
  | 'getGroup'
  | 'updateGroup'
  | 'deleteGroup'
  | 'addGroupMembers'
  | 'removeGroupMember'
  | 'leaveGroup'
> => ({
  listGroups: forUsers(async ({ query }, caller) => ({
    body: await groups.list(caller.userId, query.query),
  })),
  createGroup: forUsers(async ({ body }, caller) => ({
    body: await groups.create(caller.userId, body),
  })),
  getGroup: forUsers(async ({ params }, caller) => ({
    body: await groups.get(caller.userId, params.id),
  })),
  updateGroup: forUsers(async ({ params, body }, caller) => ({
    body: await groups.update(caller.userId, params.id, body),
  })),
  deleteGroup: forUsers(async ({ params }, caller) => {
    await groups.remove(caller.userId, params.id);
    return { body: { message: 'Group deleted' } };
  }),
  addGroupMembers: forUsers(async ({ params, body }, caller) => ({
    body: await groups.addMembers(caller.userId, params.id, body.memberIds),
  })),
  removeGroupMember: forUsers(async ({ params }, caller) => ({
    body: await groups.removeMember(caller.userId, params.id, params.userId),
  })),
  leaveGroup: forUsers(async ({ params }, caller) => {
    await groups.leave(caller.userId, params.id);
    return { body: { message: 'Left the group' } };
  }),
});
