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
    for (const target of targetsOf(message, draft, repeated)) {
      const event = message.receiverId === undefined ? 'newGroupMessage' : 'newMessage';
      fanout.emit(target, event, message);
    }
  };
}

function targetsOf(message: Message, draft: MessageDraft, repeated: boolean): Target[] {
  const { conversationId, senderId, receiverId } = message;
  const { socketId, viaHttp } = draft;
  const everywhere = repeated ? [LEGACY_ROOM] : [];
  const ofSender = [...everywhere, ...(viaHttp ? [legacyUserRoom(senderId)] : [])];
  const [others, sender] = [receiverId ?? '', senderId].map(userRoom) as [string, string];
  const rooms = receiverId === undefined ? [groupRoom(conversationId)] : [others, sender];
  if (socketId === undefined) return [{ rooms, except: ofSender }];
  if (!viaHttp) return [{ rooms, except: [...ofSender, socketId] }];
  // Over HTTP any id may be named, so it counts among the sender's own sockets only.
  return [
    receiverId === undefined
      ? { rooms, except: [...everywhere, sender] }
      : { rooms: [others], except: everywhere },
    { rooms: [sender], except: [...ofSender, socketId] },
  ];
}
