/** Pictures: taken as data URLs, kept in the blob store, given to those who may see them. */
import type { Readable } from 'node:stream';
import { notFound } from '../../errors.ts';
import type { BlobStore } from '../../infra/blob-store.ts';
import type { Attachment } from '../../protocol/types.ts';
import type { AttachmentRecord, AttachmentStore } from './attachments.store.ts';
import { decodeDataUrl, encodeImage } from './image.ts';

/** Profile and group pictures: sharp at 128 points on a screen of double density. */
const PICTURE_SIDE = 256;

export interface AttachmentContent {
  stream: Readable;
  record: AttachmentRecord;
}

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
    const image = await encodeImage(decodeDataUrl(dataUrl), square);
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
    await blobs.put(record._id, image.bytes);
    await store.insert(record);
    const { _id, type, size, width, height } = record;
    return { _id, url: attachmentUrl(_id), type, size, width, height };
  }

  return {
    /** A message's image, at most 2,048 pixels wide and high. */
    keepImage: (ownerId: string, conversationId: string, dataUrl: string) =>
      keep(ownerId, conversationId, dataUrl),
    /** A square picture of a person ("everyone") or a group (its conversation). */
    keepPicture: (ownerId: string, audience: string, dataUrl: string) =>
      keep(ownerId, audience, dataUrl, PICTURE_SIDE),
    remove: async (id: string): Promise<void> => {
      await store.remove(id);
      await blobs.remove(id);
    },
    /** @throws AppError not_found when it does not exist or the user may not see it. */
    open: async (userId: string, id: string): Promise<AttachmentContent> => {
      const record = await store.find(id);
      if (record === null) throw notFound('This attachment');
      if (record.audience !== 'everyone') {
        const { fromSeq, joinedAt } = await deps.authorize(userId, record.audience);
        // Who sees only what was written since they joined sees no earlier picture either.
        const isEarlier = joinedAt !== undefined && record.createdAt < joinedAt;
        if (fromSeq > 0 && isEarlier && record.use === 'message') throw notFound('This attachment');
      }
      const stream = await blobs.read(id);
      if (stream === undefined) throw notFound('This attachment');
      return { stream, record };
    },
  };
}

/** Where an attachment is served. */
export const attachmentUrl = (id: string): string => `/api/attachments/${id}`;

/** The id in an attachment's URL; undefined for "". */
export const attachmentIdOf = (url: string): string | undefined =>
  url === '' ? undefined : url.slice(url.lastIndexOf('/') + 1);
