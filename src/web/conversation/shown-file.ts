import type { Attachment } from '../../protocol/types.ts';
import type { OutgoingFile } from '../client/uploader.ts';

/** A file of a message, on the server or still on this device. */
export interface ShownFile {
  key: string;
  name: string;
  /** Bytes. */
  size: number;
  source: string | Blob;
}

export interface ShownPicture extends ShownFile {
  /** What is shown in the message. */
  small: string | Blob;
  /** Pixels. */
  width: number;
  height: number;
}

const isPicture = (file: ShownFile | ShownPicture): file is ShownPicture => 'small' in file;

/** Pictures to look at, and files to download. */
export interface ShownFiles {
  pictures: ShownPicture[];
  others: ShownFile[];
}

const divided = (files: (ShownFile | ShownPicture)[]): ShownFiles => ({
  pictures: files.filter(isPicture),
  others: files.filter((file) => !isPicture(file)),
});

/** Those of a stored message. */
export const filesOf = (attachments: readonly Attachment[]): ShownFiles =>
  divided(
    attachments.map(({ _id, url, size, width, height, thumbnail, name = 'Picture' }) => {
      const file = { key: _id, name, size, source: url };
      return width === undefined || height === undefined
        ? file
        : { ...file, small: thumbnail?.url ?? url, width, height };
    }),
  );

/** Those of a message that is on its way. */
export const outgoingFilesOf = (files: readonly OutgoingFile[]): ShownFiles =>
  divided(
    files.map(({ key, name, content, width, height }) => {
      const file = { key, name, size: content.size, source: content };
      return width === undefined || height === undefined
        ? file
        : { ...file, small: content, width, height };
    }),
  );
