/** Every HTTP route: name -> method, path, what it takes, and the status of its success. */
import type { z } from 'zod';
import * as s from './schemas.ts';
import type {
  Account,
  Contact,
  Group,
  MemberPosition,
  Message,
  OperationsSnapshot,
  OwnUser,
  ReadPosition,
  SearchHit,
  Session,
  SyncResult,
  TokenGrant,
  UploadLimits,
  User,
} from './types.ts';

export interface Route<
  P extends z.ZodType = z.ZodType,
  Q extends z.ZodType = z.ZodType,
  B extends z.ZodType = z.ZodType,
  A = unknown,
> {
  method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** Express path. */
  path: string;
  params: P;
  query: Q;
  body: B;
  status: 200 | 201;
  /** Only carries the answer's type; never set. */
  answer?: A;
}

/** Declares a route that answers with A. What is left out takes nothing. */
const answers =
  <A>() =>
  <
    P extends z.ZodType = typeof s.none,
    Q extends z.ZodType = typeof s.none,
    B extends z.ZodType = typeof s.noBody,
  >(
    method: Route['method'],
    path: string,
    spec: { params?: P; query?: Q; body?: B; status?: 200 | 201 } = {},
  ): Route<P, Q, B, A> => ({
    method,
    path,
    params: spec.params ?? (s.none as unknown as P),
    query: spec.query ?? (s.none as unknown as Q),
    body: spec.body ?? (s.noBody as unknown as B),
    status: spec.status ?? 200,
  });

/**
 * The order matters to Express: a literal path stands before one with a parameter there, and what
 * is asked for most comes first, because it looks at one after the other.
 */
export const routes = {
  listContacts: answers<Contact[]>()('get', '/api/messages/users', { query: s.sidebarQuery }),
  searchMessages: answers<SearchHit[]>()('get', '/api/messages/search', {
    query: s.searchQuery,
  }),
  sendDirectMessage: answers<Message>()('post', '/api/messages/send/:userId', {
    params: s.userIdParams,
    body: s.sendBody,
    status: 201,
  }),
  listDirectMessages: answers<Message[]>()('get', '/api/messages/:userId', {
    params: s.userIdParams,
    query: s.historyQuery,
  }),
  readDirectConversation: answers<ReadPosition>()('post', '/api/messages/:userId/read', {
    params: s.userIdParams,
    body: s.readBody,
  }),
  listDirectPositions: answers<MemberPosition[]>()('get', '/api/messages/:userId/positions', {
    params: s.userIdParams,
  }),

  editMessage: answers<Message>()('patch', '/api/messages/:messageId', {
    params: s.messageParams,
    body: s.editBody,
  }),
  deleteMessage: answers<Message>()('delete', '/api/messages/:messageId', {
    params: s.messageParams,
  }),
  addReaction: answers<Message>()('put', '/api/messages/:messageId/reactions/:emoji', {
    params: s.reactionParams,
  }),
  removeReaction: answers<Message>()('delete', '/api/messages/:messageId/reactions/:emoji', {
    params: s.reactionParams,
  }),

  listGroups: answers<Group[]>()('get', '/api/groups', { query: s.groupsQuery }),
  createGroup: answers<Group>()('post', '/api/groups', { body: s.createGroupBody, status: 201 }),
  getGroup: answers<Group>()('get', '/api/groups/:id', { params: s.idParams }),
  updateGroup: answers<Group>()('put', '/api/groups/:id', {
    params: s.idParams,
    body: s.updateGroupBody,
  }),
  deleteGroup: answers<{ message: string }>()('delete', '/api/groups/:id', { params: s.idParams }),
  addGroupMembers: answers<Group>()('post', '/api/groups/:id/members', {
    params: s.idParams,
    body: s.addMembersBody,
  }),
  removeGroupMember: answers<Group>()('delete', '/api/groups/:id/members/:userId', {
    params: s.memberParams,
  }),
  leaveGroup: answers<{ message: string }>()('post', '/api/groups/:id/leave', {
    params: s.idParams,
  }),
  listGroupMessages: answers<Message[]>()('get', '/api/groups/:id/messages', {
    params: s.idParams,
    query: s.historyQuery,
  }),
  sendGroupMessage: answers<Message>()('post', '/api/groups/:id/messages', {
    params: s.idParams,
    body: s.sendBody,
    status: 201,
  }),
  readGroup: answers<ReadPosition>()('post', '/api/groups/:id/read', {
    params: s.idParams,
    body: s.readBody,
  }),
  listGroupPositions: answers<MemberPosition[]>()('get', '/api/groups/:id/positions', {
    params: s.idParams,
  }),

  searchUsers: answers<User[]>()('get', '/api/users', { query: s.directoryQuery }),
  getUser: answers<User>()('get', '/api/users/:id', { params: s.idParams }),

  signup: answers<Account>()('post', '/api/auth/signup', { body: s.signupBody, status: 201 }),
  login: answers<Account>()('post', '/api/auth/login', { body: s.loginBody }),
  logout: answers<{ message: string }>()('post', '/api/auth/logout'),
  checkAuth: answers<OwnUser>()('get', '/api/auth/check'),
  updateProfile: answers<OwnUser>()('put', '/api/auth/update-profile', {
    body: s.updateProfileBody,
  }),
  issueToken: answers<TokenGrant>()('post', '/api/auth/token', { body: s.loginBody }),
  listSessions: answers<Session[]>()('get', '/api/auth/sessions'),
  revokeSession: answers<{ message: string }>()('delete', '/api/auth/sessions/:id', {
    params: s.idParams,
  }),

  getUploadLimits: answers<UploadLimits>()('get', '/api/attachments/limits'),

  sync: answers<SyncResult>()('post', '/api/sync', { body: s.syncBody }),

  getOperations: answers<OperationsSnapshot>()('get', '/api/admin/operations', {
    query: s.operationsQuery,
  }),
} as const;

export type Routes = typeof routes;
export type RouteName = keyof Routes;

/** What a route's handler gets: the parsed parameters, query and body. */
export interface RouteInput<K extends RouteName> {
  params: z.output<Routes[K]['params']>;
  query: z.output<Routes[K]['query']>;
  body: z.output<Routes[K]['body']>;
}
/** What a route answers with. */
export type RouteAnswer<K extends RouteName> = NonNullable<Routes[K]['answer']>;
