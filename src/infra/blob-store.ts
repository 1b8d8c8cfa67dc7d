/** Where the bytes of attachments lie. The interface fits an object store as well as a disk. */
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

export interface BlobStore {
  /**
   * Whole or not at all: a reader never sees half a blob, and one that was there stays until the
   * new one is complete. Rejects with what reading the content throws.
   */
  put(key: string, content: AsyncIterable<Buffer> | Iterable<Buffer>): Promise<void>;
  /** @returns undefined when there is no such blob. */
  read(key: string): Promise<Readable | undefined>;
  /** No error when it is gone already. */
  remove(key: string): Promise<void>;
}

/**
 * Blobs as files, spread over 256 folders by the last two digits of the id.
 * @param folder is made when absent. A key is a hexadecimal id, or one with ".thumbnail" behind it.
 */
export function createDiskBlobStore(folder: string): BlobStore {
  const folderOf = (key: string): string => join(folder, key.slice(22, 24));
  const fileOf = (key: string): string => {
    if (!/^[0-9a-f]{24}(\.thumbnail)?$/.test(key)) {
      throw new Error('a key has 24 hexadecimal digits and perhaps .thumbnail');
    }
    return join(folderOf(key), key);
  };
  // One name for each key, so that what a crash left of it goes with it. Two never write a key at once.
  const unfinishedOf = (key: string): string => `${fileOf(key)}.part`;
  return {
    put: async (key, content) => {
      const file = fileOf(key);
      await mkdir(folderOf(key), { recursive: true });
      const unfinished = unfinishedOf(key);
      try {
        await pipeline(content, createWriteStream(unfinished, { flush: true }));
        await rename(unfinished, file);
      } catch (error) {
        await rm(unfinished, { force: true });
        throw error;
      }
    },
    read: async (key) => {
      try {
        const file = await open(fileOf(key), 'r');
        return createReadStream('', { fd: file });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw error;
      }
    },
    remove: async (key) => {
      await rm(fileOf(key), { force: true });
      await rm(unfinishedOf(key), { force: true });
    },
  };
}
