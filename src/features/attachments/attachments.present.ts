import type { Attachment } from '../../protocol/types.ts';
import type { AttachmentRecord } from './attachments.store.ts';

/** Where an attachment is served. */
export const attachmentUrl = (id: string): string => `/api/attachments/${id}`;

/** The id in an attachment's URL; undefined for "". */
export const attachmentIdOf = (url: string): string | undefined =>
  url === '' ? undefined : url.slice(url.lastIndexOf('/') + 1);

/** An attachment as it travels. */
export function presentAttachment(record: AttachmentRecord): Attachment {
  const { _id, type, size, name, width, height, thumbnail } = record;
  const url = attachmentUrl(_id);
  return {
    _id,
    url,
    type,
    size,
    ...(name === undefined ? {} : { name }),
    ...(width === undefined ? {} : { width }),
    ...(height === undefined ? {} : { height }),
    ...(thumbnail === undefined ? {} : { thumbnail: { url: `${url}/thumbnail`, ...thumbnail } }),
  };
}
