/**
 * The names of all rooms. Each contains ":", which the id of a socket cannot, so no client
 * can name a room where a socket id is taken from it.
 */

/** Every socket of a user. */
export const userRoom = (userId: string): string => `user:${userId}`;
/** The user's sockets that speak no protocol version, and therefore do not deduplicate. */
export const legacyUserRoom = (userId: string): string => `user:${userId}:legacy`;
/** Every socket of every member of a group. */
export const groupRoom = (groupId: string): string => `group:${groupId}`;
/** All sockets that speak no protocol version. */
export const LEGACY_ROOM = 'clients:legacy';
/** All sockets that speak a protocol version. */
export const MODERN_ROOM = 'clients:modern';
