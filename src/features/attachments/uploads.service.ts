/**
 * Files that are uploaded first and sent by their ids later.
 *
 * The record comes before the bytes, so that whatever is left of an upload that ended half-way
 * is found and removed. A message claims its uploads before it is stored; that it was stored is
 * looked up after a day, when what no message holds is removed. So sending writes nothing more
 * behind the commit, and a message that was not stored after all leaves nothing for ever.
 */
import { AppError, invalid, notFound, unavailable } from '../../errors.ts';
import type { BlobStore } from '../../infra/blob-store.ts';
import { TimeLimitError, withLimit } from '../../infra/lifecycle.ts';
import type { Logger } from '../../infra/logger.ts';
import type { QueuedWork } from '../../infra/queued-work.ts';
import { limits } from '../../protocol/limits.ts';
import type { Attachment, UploadLimits } from '../../protocol/types.ts';
import { presentAttachment } from './attachments.present.ts';
import { thumbnailKey } from './attachments.service.ts';
import type {
  AttachmentRecord,
  AttachmentStore,
  MessageClaim,
  UploadFacts,
} from './attachments.store.ts';
import { encodePicture, imageTypes, notAnImage, typeOf } from './image.ts';

const HOUR_MS = 60 * 60_000;
const SEND_WITHIN_MS = limits.unsentUploadHours * HOUR_MS;
/** Far longer than a message that claimed its uploads is on its way; clocks differ, too. */
const ON_ITS_WAY_MS = HOUR_MS / 2;
const REMOVE_AFTER_MS = SEND_WITHIN_MS + HOUR_MS;
const SWEEP_EVERY_MS = HOUR_MS;
const SWEPT_AT_ONCE = 200;
/** As much as file-type looks at. */
const HEAD_BYTES = 4_100;
/** Decoding and encoding have limits of their own; this one is for waiting in line, too. */
const ENCODED_MS = 60_000;
const NO_TYPE = 'application/octet-stream';

/** A file as it comes in. */
export interface IncomingFile {
  name: string;
  /** As its sender says. */
  type: string;
  content: AsyncIterable<Buffer>;
}

export type UploadService = ReturnType<typeof createUploadService>;

export function createUploadService(deps: {
  store: AttachmentStore;
  blobs: BlobStore;
  /** Pictures are encoded in turn; image.ts bounds how many at once, whoever begins them. */
  queuedWork: Pick<QueuedWork, 'run'>;
  /** Whether the message is stored, not deleted, and has the attachment. */
  holds: (claim: MessageClaim, senderId: string, attachmentId: string) => Promise<boolean>;
  maxBytes: number;
  newId: () => string;
  clock: () => Date;
  log: Logger;
}) {
  const { store, blobs, clock } = deps;

  async function discard(id: string): Promise<void> {
    await blobs.remove(id);
    await blobs.remove(thumbnailKey(id));
    await store.remove(id);
  }

  /** Passes a file on, and refuses it as soon as that is certain. */
  async function* checked(
    { type: declared, content }: IncomingFile,
    found: { type: string; size: number },
  ): AsyncGenerator<Buffer> {
    let head: Buffer[] | undefined = [];
    for await (const chunk of content) {
      found.size += chunk.length;
      if (found.size > deps.maxBytes) throw tooLarge(deps.maxBytes);
      if (head === undefined) {
        yield chunk;
        continue;
      }
      head.push(chunk);
      if (found.size < HEAD_BYTES) continue;
      found.type = await acceptedType(declared, Buffer.concat(head));
      yield* head;
      head = undefined;
    }
    if (head === undefined) return;
    found.type = await acceptedType(declared, Buffer.concat(head));
    yield* head;
  }

  /** Reads a picture that is stored as it came, and puts what is served in its place. */
  async function encode(id: string): Promise<void> {
    const { image, thumbnail } = await encodePicture(async () => {
      const stream = await blobs.read(id);
      if (stream === undefined) throw notFound('This upload');
      return Buffer.concat(await stream.toArray());
    });
    if (thumbnail !== undefined) await blobs.put(thumbnailKey(id), [thumbnail.bytes]);
    await blobs.put(id, [image.bytes]);
    const { type, width, height, bytes } = image;
    const isWanted = await store.complete(id, {
      ...{ type, width, height, size: bytes.length },
      ...(thumbnail === undefined
        ? {}
        : { thumbnail: { width: thumbnail.width, height: thumbnail.height } }),
    });
    // Who uploaded it did not wait so long.
    if (!isWanted) await discard(id);
  }

  async function encodeInTurn(id: string): Promise<void> {
    const encoded = deps.queuedWork.run(id, () => encode(id));
    try {
      await withLimit(encoded, ENCODED_MS, 'the work on a picture');
    } catch (error) {
      if (!(error instanceof TimeLimitError)) throw error;
      throw unavailable('Too many pictures are being processed. Please try again.', error);
    }
  }

  async function receive(id: string, file: IncomingFile): Promise<void> {
    const found: Pick<UploadFacts, 'type' | 'size'> = { type: NO_TYPE, size: 0 };
    await blobs.put(id, checked(file, found));
    if (imageTypes.has(found.type)) await encodeInTurn(id);
    else await store.complete(id, found);
  }

  /** @throws AppError not_found, invalid_input: of its owner, complete, of today, and free. */
  function requireFree(
    record: AttachmentRecord | undefined,
    ownerId: string,
    claim: MessageClaim,
    path: string,
  ): void {
    const isOwn = record?.ownerId === ownerId && record.use === 'message' && record.type !== '';
    if (!isOwn) throw notFound('This attachment');
    if (record.audience === 'nobody') throw notFound('This attachment');
    if (record.audience === 'owner') {
      const age = clock().getTime() - record.createdAt.getTime();
      if (age > SEND_WITHIN_MS) throw notFound('This attachment');
      return;
    }
    if (!isClaimedFor(record, claim)) {
      throw invalid(path, 'is an attachment of another message; upload the file once more');
    }
  }

  async function sweep(): Promise<void> {
    const now = clock().getTime();
    const before = new Date(now - REMOVE_AFTER_MS);
    for (let settled = SWEPT_AT_ONCE; settled > 0; ) {
      settled = 0;
      for (const record of await store.unsentBefore(before, SWEPT_AT_ONCE)) {
        if (await settle(record, now)) settled++;
      }
    }
  }

  /** Keeps an old upload whose message is stored, removes any other. False: it is not time yet. */
  async function settle(record: AttachmentRecord, now: number): Promise<boolean> {
    const { _id, ownerId, claim, sentAt } = record;
    // Its message may be on its way, for the second time perhaps.
    if (sentAt !== undefined && now - sentAt.getTime() < ON_ITS_WAY_MS) return false;
    if (claim !== undefined && (await deps.holds(claim, ownerId, _id))) await store.markSent(_id);
    // Whoever claims it from here on is told that it is gone.
    else if (record.audience === 'nobody' || (await store.withdraw(record))) await discard(_id);
    return true;
  }

  let sweeping: Promise<void> = Promise.resolve();
  const sweepNow = (): void => {
    sweeping = sweep().catch((error: unknown) => {
      deps.log.error(
        { err: error },
        'uploads that were not sent could not be removed; again later',
      );
    });
  };
  let timer: NodeJS.Timeout | undefined;

  return {
    limits: (): UploadLimits => ({
      maxBytes: deps.maxBytes,
      perMessage: limits.attachmentsPerMessage,
    }),

    /**
     * Takes a file in.
     * @throws AppError too_large, invalid_image, too_many_uploads, unavailable, and what reading
     *   the content throws; nothing is kept then
     */
    upload: async (ownerId: string, file: IncomingFile): Promise<Attachment> => {
      if ((await store.countWaiting(ownerId, limits.unsentUploads)) >= limits.unsentUploads) {
        throw new AppError(
          'too_many_uploads',
          `At most ${limits.unsentUploads} uploads may wait to be sent; they are removed after ${limits.unsentUploadHours} hours.`,
        );
      }
      const _id = deps.newId();
      const name = cleanName(file.name);
      const use = { use: 'message', audience: 'owner', unsent: true } as const;
      await store.insert({ _id, ownerId, ...use, type: '', size: 0, name, createdAt: clock() });
      try {
        await receive(_id, file);
      } catch (error) {
        await discard(_id).catch((cause: unknown) => {
          deps.log.warn({ err: cause, attachmentId: _id }, 'what is left of an upload goes later');
        });
        throw error;
      }
      const record = await store.find(_id);
      if (record === null) throw notFound('This attachment');
      return presentAttachment(record);
    },

    /**
     * Gives uploads to a message that is about to be stored; the same again for the same message
     * gives the same answer.
     * @throws AppError not_found, invalid_input
     */
    claim: async (ownerId: string, ids: string[], claim: MessageClaim): Promise<Attachment[]> => {
      const read = async (): Promise<AttachmentRecord[]> => {
        const found = new Map((await store.findMany(ids)).map((record) => [record._id, record]));
        return ids.map((id, index) => {
          const record = found.get(id);
          requireFree(record, ownerId, claim, `attachments.${index}`);
          return record as AttachmentRecord;
        });
      };
      await read();
      // Also where the claim is there: so that it is not taken for one that was given up.
      await store.claim(ids, ownerId, claim, clock());
      // Another message of the same person may have been quicker with one of them.
      const claimed = await read();
      return claimed.map(presentAttachment);
    },

    /** The message was refused: what no other one holds may be sent with the next. Never rejects. */
    release: async (ownerId: string, ids: string[], claim: MessageClaim): Promise<void> => {
      try {
        const held = await Promise.all(ids.map((id) => deps.holds(claim, ownerId, id)));
        await store.release(
          ids.filter((_id, index) => !held[index]),
          claim,
        );
      } catch (error) {
        deps.log.warn({ err: error, ids }, 'uploads of a refused message are removed after a day');
      }
    },

    /** Removes what was uploaded and not sent, now and from now on. */
    start: (): void => {
      sweepNow();
      timer = setInterval(sweepNow, SWEEP_EVERY_MS);
    },
    close: async (): Promise<void> => {
      clearInterval(timer);
      await sweeping;
    },
  };
}

const isClaimedFor = ({ claim }: AttachmentRecord, wanted: MessageClaim): boolean =>
  claim?.conversationId === wanted.conversationId && claim.clientId === wanted.clientId;

/** @throws AppError invalid_image for what calls itself a picture and is none */
async function acceptedType(declared: string, head: Buffer): Promise<string> {
  const type = await typeOf(head);
  if (imageTypes.has(declared) && (type === undefined || !imageTypes.has(type))) {
    throw notAnImage(type);
  }
  return type ?? NO_TYPE;
}

/** The largest file that is taken, in words. */
export const tooLarge = (maxBytes: number): AppError =>
  new AppError('too_large', `file: A file has at most ${maxBytes / 1024 / 1024} MB.`);

/**
 * What would lead out of a folder, break a line, or turn around how a name ends; and halves of
 * surrogate pairs, which cannot be stored.
 */
const unsafe = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}/\\]/gu;

/** A file's name as it is shown and downloaded. */
export function cleanName(given: string): string {
  const name = given.replace(unsafe, '').trim();
  if (name === '' || /^\.+$/.test(name)) return 'file';
  if (name.length <= limits.fileNameLength) return name;
  const ending = /\.\w{1,10}$/.exec(name)?.[0] ?? '';
  return name.slice(0, limits.fileNameLength - ending.length).replace(/\p{Cs}/gu, '') + ending;
}
