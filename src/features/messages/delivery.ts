/** Tells the people concerned of stored messages. */
import type { Message } from '../../protocol/types.ts';
import type { Fanout, Target } from '../../realtime/fanout.ts';
import { groupRoom, LEGACY_ROOM, legacyUserRoom, userRoom } from '../../realtime/rooms.ts';
import type { MessageDraft } from './persist-batch.ts';

export type Deliver = (message: Message, draft: MessageDraft, repeated: boolean) => void;

/**
 * Everyone in the conversation hears a message, except the socket that sent it. A message
 * that came over HTTP is not told to the sender's older clients: those append the answer
 * themselves. A repeated delivery goes only to clients that deduplicate.
 */
export function createDelivery(fanout: Pick<Fanout, 'emit'>): Deliver {
  return (message, draft, repeated) => {
    const { conversationId, senderId, receiverId } = message;
    const except = [
      ...(draft.socketId === undefined ? [] : [draft.socketId]),
      ...(draft.viaHttp ? [legacyUserRoom(senderId)] : []),
      ...(repeated ? [LEGACY_ROOM] : []),
    ];
    const target: Target =
      receiverId === undefined
        ? { rooms: [groupRoom(conversationId)], except }
        : { rooms: [userRoom(receiverId), userRoom(senderId)], except };
    fanout.emit(target, receiverId === undefined ? 'newGroupMessage' : 'newMessage', message);
  };
}
