/**
 * The Socket.IO side: handshakes, the rooms a socket is in, and every event of
 * protocol/events.ts bound to its operation.
 *
 * A socket's session is verified at the handshake; from then on its end is announced, and the
 * socket is told and cut. So events need no look-up, and keep the order in which they came.
 * It joins its rooms before the heads of its conversations are read, so that a message is
 * either in these heads or heard.
 */
import { randomUUID } from 'node:crypto';
import type { Socket } from 'socket.io';
import { AppError, toAppError, toProblem } from '../errors.ts';
import type { ActiveSession } from '../features/auth/sessions.service.ts';
import type {
  MembershipChange,
  OwnConversation,
} from '../features/conversations/conversations.service.ts';
import type { MembershipRecord } from '../features/conversations/conversations.store.ts';
import type { Bus } from '../infra/bus.ts';
import type { Logger } from '../infra/logger.ts';
import type { RateLimits } from '../infra/rate-limit.ts';
import {
  type ChatServer,
  type ChatSocket,
  cutOff,
  readsTooSlowly,
} from '../infra/socket-server.ts';
import { type ClientEventName, clientEvents, PROTOCOL_VERSION } from '../protocol/events.ts';
import type { Problem } from '../protocol/problems.ts';
import { handshakeAuth } from '../protocol/schemas.ts';
import type { Fanout } from '../realtime/fanout.ts';
import { presentHead } from '../realtime/heads.ts';
import type { Presence } from '../realtime/presence.ts';
import {
  groupRoom,
  LEGACY_ROOM,
  legacyUserRoom,
  MODERN_ROOM,
  userRoom,
} from '../realtime/rooms.ts';
import type { AddressOf } from './address.ts';
import type { Admission, Take } from './admission.ts';
import { SESSION_COOKIE } from './http.ts';
import type { EventOperations, Operation } from './operation.ts';
import { parseInput, type RunOperation } from './run-operation.ts';
import type { SocketCaps } from './socket-caps.ts';

export interface SocketDependencies {
  io: ChatServer;
  operations: EventOperations;
  run: RunOperation;
  limits: Pick<RateLimits, 'authenticated' | 'check' | 'connection' | 'message'>;
  caps: SocketCaps;
  admission: Admission;
  addressOf: AddressOf;
  sessions: {
    endings(): number;
    stillStanding(sessionIds: string[]): Promise<Map<string, number>>;
    onEnded(handler: (sessionId: string) => void): void;
  };
  conversations: {
    membershipsOf(userId: string): Promise<MembershipRecord[]>;
    withHeads(userId: string, memberships: MembershipRecord[]): Promise<OwnConversation[]>;
    groupsOf(userIds: string[]): Promise<Map<string, string[]>>;
    membershipGeneration(): number;
    onMembersChanged(handler: (change: MembershipChange) => void): void;
  };
  presence: Presence;
  /** undefined for a group. */
  directPartners: (conversationId: string) => [string, string] | undefined;
  fanout: Pick<Fanout, 'emitLocal'>;
  bus: Pick<Bus, 'healthy' | 'onGap'>;
  log: Logger;
}

/** How often expired sessions are looked for, and all of them while announcements fail. */
const SWEEP_MS = 1_000;

/** Binds everything; the returned function stops the sweeping. */
export function bindSockets(deps: SocketDependencies): () => void {
  const { io, sessions, conversations, presence, fanout, limits, log } = deps;
  /** Session -> its sockets here, and when it expires. */
  const bySession = new Map<string, { sockets: Set<ChatSocket>; expiresAt: number }>();
  const admitted = new WeakMap<ChatSocket, { own: MembershipRecord[]; generation: number }>();

  io.use((socket, next) => {
    admit(socket).then(
      () => next(),
      (error: unknown) => {
        const problem = toProblem(toAppError(error), randomUUID());
        if (problem.status >= 500) log.error({ err: error }, 'a handshake failed');
        next(Object.assign(new Error(problem.detail), { data: problem }));
      },
    );
  });

  async function admit(socket: ChatSocket): Promise<void> {
    const address = deps.addressOf(socket.request);
    takePlace(socket, 'address', address);
    const auth = parseInput(handshakeAuth, socket.handshake.auth, 'auth');
    const { userId, sessionId } = await verifyAndRegister(socket, auth.token, address);
    try {
      takePlace(socket, 'user', userId);
      await take(limits.authenticated, userId);
      const generation = conversations.membershipGeneration();
      admitted.set(socket, { own: await conversations.membershipsOf(userId), generation });
    } catch (error) {
      unregister(socket, sessionId);
      throw error;
    }
    socket.data = { userId, sessionId, protocol: auth.protocol ?? 0 };
  }

  /** Also one that breaks off before `connection` gives its places back. */
  function takePlace(socket: ChatSocket, kind: 'address' | 'user', key: string): void {
    const giveBack = deps.caps.take(kind, key);
    if (socket.conn.readyState === 'closed') giveBack();
    else socket.conn.once('close', giveBack);
  }

  const take: Take = async (limit, key) => limits.check(limit, await limit.store.increment(key));

  /** An end that is announced after the session was read finds the socket, or reads it again. */
  async function verifyAndRegister(
    socket: ChatSocket,
    token: string | undefined,
    address: string,
  ): Promise<ActiveSession> {
    for (;;) {
      const endings = sessions.endings();
      const session = await deps.admission.admit(token ?? cookieToken(socket), () => address, take);
      if (endings !== sessions.endings()) continue;
      register(socket, session.sessionId, session.expiresAt.getTime());
      return session;
    }
  }

  io.on('connection', (socket) => {
    const { userId, sessionId, protocol } = socket.data;
    const admission = admitted.get(socket);
    admitted.delete(socket);
    if (admission === undefined || !bySession.get(sessionId)?.sockets.has(socket)) {
      cut([socket]);
      return;
    }
    const modern = protocol >= PROTOCOL_VERSION;
    const settled = admission.generation === conversations.membershipGeneration();
    const groups = admission.own.filter((one) => !deps.directPartners(one.conversationId));
    socket.join([
      userRoom(userId),
      ...(modern ? [MODERN_ROOM] : [LEGACY_ROOM, legacyUserRoom(userId)]),
      ...(settled ? groups.map((one) => groupRoom(one.conversationId)) : []),
    ]);
    presence.connected(userId);
    bindEvents(socket);
    socket.on('disconnect', () => {
      unregister(socket, sessionId);
      presence.unwatch(socket.id);
      presence.disconnected(userId);
    });
    // The request of the handshake holds headers and buffers that nobody needs any more.
    Object.assign(socket.conn, { request: undefined });
    if (!modern) fanout.emitLocal({ rooms: [socket.id] }, 'getOnlineUsers', presence.onlineUsers());
    void enter(socket, settled ? admission.own : undefined);
  });

  /** @param memberships undefined: some changed since they were read; the rooms wait for it, too */
  async function enter(
    socket: ChatSocket,
    memberships: MembershipRecord[] | undefined,
  ): Promise<void> {
    const { userId, protocol } = socket.data;
    if (memberships === undefined) await alignRooms([userId]);
    if (protocol < PROTOCOL_VERSION) return;
    try {
      const known = memberships ?? (await conversations.membershipsOf(userId));
      const own = await conversations.withHeads(userId, known);
      fanout.emitLocal({ rooms: [socket.id] }, 'conversationHeads', own.map(presentHead));
    } catch (error) {
      // Without them it might miss something and not know; it connects again.
      log.warn({ err: error, userId }, 'heads could not be read for a socket; cutting it');
      socket.disconnect(true);
    }
  }

  function bindEvents(socket: ChatSocket): void {
    const countEvent = limits.connection();
    socket.use(([event, ...args], next) => {
      const refused = countEvent();
      const problem = refused?.error ?? misuse(String(event), args);
      if (problem === undefined) return next();
      const ack: unknown = args.at(-1);
      if (typeof ack === 'function') ack(refusal(toProblem(problem, randomUUID())));
      if (refused?.isAbuse) cutForAbuse(socket);
    });
    for (const name of Object.keys(clientEvents) as ClientEventName[]) {
      // One listener type for all events; each payload is checked by its own schema.
      (socket as unknown as Socket).on(name, (payload: unknown, ack: unknown) => {
        void answer(socket, name, payload, typeof ack === 'function' ? ack : undefined);
      });
    }
  }

  /** Once: what was under way from it may still come. */
  function cutForAbuse(socket: ChatSocket): void {
    if (!socket.connected) return;
    const { userId } = socket.data;
    log.warn({ userId, socketId: socket.id }, 'a client goes on sending too much; cutting it');
    socket.disconnect(true);
  }

  async function answer(
    socket: ChatSocket,
    name: ClientEventName,
    payload: unknown,
    ack: CallableFunction | undefined,
  ): Promise<void> {
    const { userId, sessionId } = socket.data;
    const expiresAt = new Date(bySession.get(sessionId)?.expiresAt ?? 0);
    const operation = deps.operations[name] as unknown as Operation<unknown, object>;
    const outcome = await deps.run({
      name,
      operation,
      context: {
        requestId: randomUUID(),
        transport: 'socket',
        socketId: socket.id,
        userAgent: '',
        arrivedAt: performance.now(),
      },
      authenticate: () => ({ userId, sessionId, expiresAt, issuedAt: expiresAt }),
      // Its connection's events are counted already.
      limit: () => (operation.limit === 'messages' ? limits.message(userId) : undefined),
      read: () => parseInput(clientEvents[name], payload),
    });
    ack?.(outcome.ok ? { ok: true, ...outcome.reply.body } : refusal(outcome.problem));
  }

  conversations.onMembersChanged(({ conversationId, joined, left }) => {
    const room = groupRoom(conversationId);
    for (const userId of left) io.local.in(userRoom(userId)).socketsLeave(room);
    for (const userId of joined) io.local.in(userRoom(userId)).socketsJoin(room);
  });

  /** Puts the local sockets of users into exactly the rooms of their groups. */
  async function alignRooms(userIds: string[]): Promise<void> {
    try {
      const groups = await settledGroupsOf(userIds);
      for (const [userId, groupIds] of groups) {
        const wanted = groupIds.map(groupRoom);
        for (const id of io.sockets.adapter.rooms.get(userRoom(userId)) ?? []) {
          const socket = io.sockets.sockets.get(id);
          for (const room of socket?.rooms ?? []) {
            if (room.startsWith(groupRoom('')) && !wanted.includes(room)) socket?.leave(room);
          }
          socket?.join(wanted);
        }
      }
    } catch (error) {
      // Who may have been removed must not go on listening; reconnecting asks anew.
      log.warn(
        { err: error, users: userIds.length },
        'rooms could not be checked; cutting sockets',
      );
      for (const userId of userIds) io.local.in(userRoom(userId)).disconnectSockets(true);
    }
  }

  /** Read again when a change was announced meanwhile: what was read may be older than it. */
  async function settledGroupsOf(userIds: string[]): Promise<Map<string, string[]>> {
    for (let tries = 1; tries <= 20; tries++) {
      const before = conversations.membershipGeneration();
      const groups = await conversations.groupsOf(userIds);
      if (before === conversations.membershipGeneration()) return groups;
    }
    throw new Error('memberships changed each time they were read');
  }

  sessions.onEnded((sessionId) => {
    const entry = bySession.get(sessionId);
    if (entry === undefined) return;
    bySession.delete(sessionId);
    cut(entry.sockets);
  });

  /** Tells sockets that their session is over, and disconnects them. */
  function cut(sockets: Iterable<ChatSocket>): void {
    for (const socket of sockets) {
      if (!socket.connected) continue;
      const message = 'This session has ended. Please sign in again.';
      socket.emit('sessionRevoked', { message });
      socket.disconnect(true);
    }
  }

  /** @returns false when they could not be checked */
  async function endFallen(sessionIds: string[]): Promise<boolean> {
    if (sessionIds.length === 0) return true;
    try {
      const standing = await sessions.stillStanding(sessionIds);
      for (const sessionId of sessionIds) {
        const entry = bySession.get(sessionId);
        if (entry === undefined) continue;
        const expiresAt = standing.get(sessionId);
        if (expiresAt !== undefined) entry.expiresAt = expiresAt;
        else {
          bySession.delete(sessionId);
          cut(entry.sockets);
        }
      }
    } catch (error) {
      log.warn({ err: error, sessions: sessionIds.length }, 'sessions could not be checked');
      return false;
    }
    return true;
  }

  /** What waits for a client lies in this process's memory, so it is bounded. */
  function cutSlowReaders(): void {
    for (const socket of io.sockets.sockets.values()) {
      if (!readsTooSlowly(socket)) continue;
      const { userId } = socket.data;
      log.warn({ userId, socketId: socket.id }, 'a client reads too slowly; cutting it, it syncs');
      cutOff(socket);
    }
  }

  /** After a gap in the announcements, until every session was looked up. */
  let unchecked = false;
  let sweeping = false;
  const sweep = setInterval(() => {
    cutSlowReaders();
    if (sweeping) return;
    sweeping = true;
    const now = Date.now();
    const isTrusted = deps.bus.healthy() && !unchecked;
    const suspects = [...bySession]
      .filter(([, { expiresAt }]) => !isTrusted || expiresAt <= now)
      .map(([sessionId]) => sessionId);
    void endFallen(suspects).then((done) => {
      if (done && deps.bus.healthy()) unchecked = false;
      sweeping = false;
    });
  }, SWEEP_MS);

  deps.bus.onGap(async () => {
    unchecked = true;
    if (await endFallen([...bySession.keys()])) unchecked = false;
    const users = new Set([...io.sockets.sockets.values()].map((socket) => socket.data.userId));
    await alignRooms([...users]);
  });

  function register(socket: ChatSocket, sessionId: string, expiresAt: number): void {
    const entry = bySession.get(sessionId) ?? { sockets: new Set(), expiresAt };
    entry.sockets.add(socket);
    bySession.set(sessionId, entry);
    // A handshake that breaks off before `connection` leaves through here.
    socket.conn.once('close', () => unregister(socket, sessionId));
  }

  function unregister(socket: ChatSocket, sessionId: string): void {
    const entry = bySession.get(sessionId);
    entry?.sockets.delete(socket);
    if (entry?.sockets.size === 0) bySession.delete(sessionId);
  }

  return () => clearInterval(sweep);
}

/** What is wrong with an event before its payload is looked at. */
function misuse(event: string, args: unknown[]): AppError | undefined {
  if (!Object.hasOwn(clientEvents, event)) {
    return new AppError('not_found', `There is no event "${event.slice(0, 100)}".`);
  }
  const payloads = typeof args.at(-1) === 'function' ? args.length - 1 : args.length;
  if (payloads === 1) return undefined;
  return new AppError('invalid_input', `${event} takes one payload and an acknowledgement.`);
}

const refusal = (error: Problem) => ({ ok: false as const, error });

function cookieToken(socket: ChatSocket): string | undefined {
  const cookies = socket.handshake.headers.cookie ?? '';
  const found = cookies.split(';').find((part) => part.trim().startsWith(`${SESSION_COOKIE}=`));
  return found?.trim().slice(SESSION_COOKIE.length + 1);
}
