import type { Message } from '../../protocol/types.ts';
import { partnerOf } from '../conversations/conversation-id.ts';
import type { MessageRecord } from './messages.store.ts';

/** A message as it travels; the receiver or the group follows from the conversation's id. */
export function presentMessage(record: MessageRecord): Message {
  const { conversationId, senderId, replyTo, reactions, mentions, editedAt, deletedAt } = record;
  const isDeleted = deletedAt !== undefined;
  const attachments = isDeleted ? undefined : record.attachments;
  const receiverId = partnerOf(conversationId, senderId);
  // Pictures alone have a width; of others that call themselves images there is nothing to show.
  const image = attachments?.find(({ width }) => width !== undefined);
  return {
    _id: record._id,
    conversationId,
    seq: record.seq,
    senderId,
    ...(receiverId === undefined ? { groupId: conversationId } : { receiverId }),
    clientId: record.clientId,
    text: isDeleted ? '' : record.text,
    ...(image === undefined ? {} : { image: image.url }),
    ...(attachments === undefined ? {} : { attachments }),
    ...(replyTo === undefined || isDeleted ? {} : { replyTo }),
    ...(reactions === undefined || isDeleted ? {} : { reactions }),
    ...(mentions === undefined || isDeleted ? {} : { mentions }),
    rev: record.rev,
    ...(editedAt === undefined ? {} : { editedAt: editedAt.toISOString() }),
    ...(deletedAt === undefined ? {} : { deletedAt: deletedAt.toISOString() }),
    createdAt: record.createdAt.toISOString(),
    updatedAt: record.updatedAt.toISOString(),
  };
}
