/** Every HTTP route that this client uses, by the name the protocol gives it. */
import type { z } from 'zod';
import type { RouteAnswer, RouteName, Routes } from '../../protocol/routes.ts';
import type { Answer, Http } from './http.ts';

type Body<K extends RouteName> = z.input<Routes[K]['body']>;

export interface PageRequest {
  /** Only messages before this number; the newest ones where absent. */
  before?: number;
  /** Only messages after this number. */
  after?: number;
  /** The page with this number in its middle. */
  around?: number;
  limit?: number;
}

export interface SearchRequest {
  words: string;
  /** A conversation's id. */
  in?: string | undefined;
  /** A person's id. */
  from?: string | undefined;
  /** Times, ISO 8601: not before the one, and before the other. */
  after?: string | undefined;
  before?: string | undefined;
  withFiles?: boolean | undefined;
}

/** Uploads may be slow; the server's own limit on a request is longer. */
const UPLOAD_TIMEOUT = 90_000;

/** Binds the routes to one HTTP function. */
export function createApi(http: Http) {
  const call = async <K extends RouteName>(
    method: string,
    path: string,
    options?: Parameters<Http>[2],
  ) => (await http<RouteAnswer<K>>(method, path, options)).data;

  const page = <K extends 'listDirectMessages' | 'listGroupMessages'>(
    path: string,
    { before, after, around, limit = 50 }: PageRequest,
    signal?: AbortSignal,
  ): Promise<Answer<RouteAnswer<K>>> => {
    const query = new URLSearchParams({ limit: String(limit) });
    if (before !== undefined) query.set('before', String(before));
    if (after !== undefined) query.set('after', String(after));
    if (around !== undefined) query.set('around', String(around));
    return http<RouteAnswer<K>>('GET', `${path}?${query}`, signal ? { signal } : {});
  };

  return {
    signup: (body: Body<'signup'>) => call<'signup'>('POST', '/api/auth/signup', { body }),
    login: (body: Body<'login'>) => call<'login'>('POST', '/api/auth/login', { body }),
    logout: () => call<'logout'>('POST', '/api/auth/logout'),
    checkAuth: (signal?: AbortSignal) =>
      call<'checkAuth'>('GET', '/api/auth/check', signal ? { signal } : {}),
    updateProfile: (body: Body<'updateProfile'>) =>
      call<'updateProfile'>('PUT', '/api/auth/update-profile', { body, timeout: UPLOAD_TIMEOUT }),
    listSessions: () => call<'listSessions'>('GET', '/api/auth/sessions'),
    revokeSession: (id: string) => call<'revokeSession'>('DELETE', `/api/auth/sessions/${id}`),

    listContacts: () => call<'listContacts'>('GET', '/api/messages/users'),
    searchUsers: (words: string, signal?: AbortSignal) =>
      call<'searchUsers'>(
        'GET',
        `/api/users?${new URLSearchParams({ query: words, limit: '30' })}`,
        signal ? { signal } : {},
      ),
    getUser: (id: string) => call<'getUser'>('GET', `/api/users/${id}`),

    /** @param next the address of a further page */
    searchMessages: (request: SearchRequest, next: string | undefined, signal?: AbortSignal) =>
      http<RouteAnswer<'searchMessages'>>(
        'GET',
        next ?? `/api/messages/search?${queryOf(request)}`,
        signal ? { signal } : {},
      ),

    listDirectMessages: (userId: string, request: PageRequest, signal?: AbortSignal) =>
      page<'listDirectMessages'>(`/api/messages/${userId}`, request, signal),
    listGroupMessages: (groupId: string, request: PageRequest, signal?: AbortSignal) =>
      page<'listGroupMessages'>(`/api/groups/${groupId}/messages`, request, signal),
    getUploadLimits: () => call<'getUploadLimits'>('GET', '/api/attachments/limits'),

    listDirectPositions: (userId: string) =>
      call<'listDirectPositions'>('GET', `/api/messages/${userId}/positions`),
    listGroupPositions: (groupId: string) =>
      call<'listGroupPositions'>('GET', `/api/groups/${groupId}/positions`),
    readDirectConversation: (userId: string, seq: number) =>
      call<'readDirectConversation'>('POST', `/api/messages/${userId}/read`, {
        body: { seq },
        keepalive: true,
      }),
    readGroup: (groupId: string, seq: number) =>
      call<'readGroup'>('POST', `/api/groups/${groupId}/read`, { body: { seq }, keepalive: true }),

    listGroups: () => call<'listGroups'>('GET', '/api/groups'),
    createGroup: (body: Body<'createGroup'>) =>
      call<'createGroup'>('POST', '/api/groups', { body, timeout: UPLOAD_TIMEOUT }),
    updateGroup: (id: string, body: Body<'updateGroup'>) =>
      call<'updateGroup'>('PUT', `/api/groups/${id}`, { body, timeout: UPLOAD_TIMEOUT }),
    deleteGroup: (id: string) => call<'deleteGroup'>('DELETE', `/api/groups/${id}`),
    addGroupMembers: (id: string, memberIds: string[]) =>
      call<'addGroupMembers'>('POST', `/api/groups/${id}/members`, { body: { memberIds } }),
    removeGroupMember: (id: string, userId: string) =>
      call<'removeGroupMember'>('DELETE', `/api/groups/${id}/members/${userId}`),
    leaveGroup: (id: string) => call<'leaveGroup'>('POST', `/api/groups/${id}/leave`),

    getOperations: (since: string | undefined, signal?: AbortSignal) =>
      call<'getOperations'>(
        'GET',
        `/api/admin/operations${since === undefined ? '' : `?${new URLSearchParams({ since })}`}`,
        signal ? { signal } : {},
      ),

    sync: (body: Body<'sync'>) => call<'sync'>('POST', '/api/sync', { body }),
  };
}

function queryOf({ words, withFiles, ...others }: SearchRequest): URLSearchParams {
  const query = new URLSearchParams(words === '' ? {} : { q: words });
  for (const [name, value] of Object.entries(others)) {
    if (value !== undefined) query.set(name, value);
  }
  if (withFiles) query.set('has', 'attachment');
  return query;
}

export type Api = ReturnType<typeof createApi>;
