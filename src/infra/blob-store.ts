/** Where the bytes of attachments lie. The interface fits an object store as well as a disk. */
import { createReadStream } from 'node:fs';
import { mkdir, open, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';

export interface BlobStore {
  /** Whole or not at all: a reader never sees half a blob. */
  put(id: string, bytes: Buffer): Promise<void>;
  /** @returns undefined when there is no such blob. */
  read(id: string): Promise<Readable | undefined>;
  /** No error when it is gone already. */
  remove(id: string): Promise<void>;
}

/**
 * Blobs as files, spread over 256 folders by the last two digits of the id.
 * @param folder is made when absent. Ids must be hexadecimal.
 */
export function createDiskBlobStore(folder: string): BlobStore {
  const folderOf = (id: string): string => join(folder, id.slice(-2));
  const fileOf = (id: string): string => {
    if (!/^[0-9a-f]{24}$/.test(id)) throw new Error('a blob id has 24 hexadecimal digits');
    return join(folderOf(id), id);
  };
  return {
    put: async (id, bytes) => {
      const file = fileOf(id);
      await mkdir(folderOf(id), { recursive: true });
      const unfinished = `${file}.part`;
      await writeFile(unfinished, bytes, { flush: true });
      await rename(unfinished, file);
    },
    read: async (id) => {
      try {
        const file = await open(fileOf(id), 'r');
        return createReadStream('', { fd: file });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw error;
      }
    },
    remove: (id) => rm(fileOf(id), { force: true }),
  };
}
