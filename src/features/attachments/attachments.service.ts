/**
 * Files and pictures: kept in the blob store, given to those who may see them. Images that come
 * as data URLs are taken here; uploads have a service of their own (uploads.service.ts).
 */
import type { Readable } from 'node:stream';
import { notFound } from '../../errors.ts';
import type { BlobStore } from '../../infra/blob-store.ts';
import type { Attachment } from '../../protocol/types.ts';
import { presentAttachment } from './attachments.present.ts';
import type { AttachmentRecord, AttachmentStore } from './attachments.store.ts';
import { decodeImage, encodeImage } from './image.ts';

/** Profile and group pictures: sharp at 128 points on a screen of double density. */
const PICTURE_SIDE = 256;
const REMOVED_AT_ONCE = 100;

export interface AttachmentContent {
  stream: Readable;
  record: AttachmentRecord;
}

/** An attachment itself, or its smaller copy. */
export type AttachmentForm = 'whole' | 'thumbnail';

export type AttachmentService = ReturnType<typeof createAttachmentService>;

export function createAttachmentService(deps: {
  store: AttachmentStore;
  blobs: BlobStore;
  /** Throws not_found unless the user may read the conversation. */
  authorize: (
    userId: string,
    conversationId: string,
  ) => Promise<{ fromSeq: number; joinedAt?: Date }>;
  newId: () => string;
  clock: () => Date;
}) {
  const { store, blobs } = deps;

  async function keep(
    ownerId: string,
    audience: string,
    dataUrl: string,
    square?: number,
  ): Promise<Attachment> {
    const image = await encodeImage(decodeImage(dataUrl), square);
    const record: AttachmentRecord = {
      _id: deps.newId(),
      ownerId,
      use: square === undefined ? 'message' : 'picture',
      audience,
      type: image.type,
      size: image.bytes.length,
      width: image.width,
      height: image.height,
      createdAt: deps.clock(),
    };
    // Bytes first: a record never points at nothing.
    await blobs.put(record._id, [image.bytes]);
    await store.insert(record);
    return presentAttachment(record);
  }

  async function requireAccess(userId: string, record: AttachmentRecord): Promise<void> {
    const { audience, ownerId, use, sentAt = record.createdAt } = record;
    if (audience === 'everyone') return;
    if (audience === 'owner') {
      if (ownerId !== userId) throw notFound('This attachment');
      return;
    }
    const { fromSeq, joinedAt } = await deps.authorize(userId, audience);
    // Who sees only what was written since they joined sees no earlier file either.
    const isEarlier = joinedAt !== undefined && sentAt < joinedAt;
    if (fromSeq > 0 && isEarlier && use === 'message') throw notFound('This attachment');
  }

  async function remove(id: string): Promise<void> {
    // The record last: without it nobody would find what is left.
    await blobs.remove(id);
    await blobs.remove(thumbnailKey(id));
    await store.remove(id);
  }

  return {
    /** A message's image, at most 2,048 pixels wide and high. */
    keepImage: (ownerId: string, conversationId: string, dataUrl: string) =>
      keep(ownerId, conversationId, dataUrl),
    /** A square picture of a person ("everyone") or a group (its conversation). */
    keepPicture: (ownerId: string, audience: string, dataUrl: string) =>
      keep(ownerId, audience, dataUrl, PICTURE_SIDE),
    remove,
    /** Everything of a group that is gone. */
    removeConversation: async (conversationId: string): Promise<void> => {
      for (;;) {
        const ids = await store.idsOf(conversationId, REMOVED_AT_ONCE);
        for (const id of ids) await remove(id);
        if (ids.length < REMOVED_AT_ONCE) return;
      }
    },
    /** @throws AppError not_found when it does not exist or the user may not see it. */
    open: async (userId: string, id: string, form: AttachmentForm): Promise<AttachmentContent> => {
      const record = await store.find(id);
      if (record === null) throw notFound('This attachment');
      await requireAccess(userId, record);
      const stream = await blobs.read(form === 'whole' ? id : thumbnailKey(id));
      if (stream === undefined) throw notFound('This attachment');
      return { stream, record };
    },
  };
}

/** Where the thumbnail of an attachment lies in the blob store. */
export const thumbnailKey = (id: string): string => `${id}.thumbnail`;
