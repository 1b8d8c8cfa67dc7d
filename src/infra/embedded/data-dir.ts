/** Folders below DATA_DIR, with one clear message when they cannot be had. */
import { constants } from 'node:fs';
import { access, mkdir, realpath } from 'node:fs/promises';
import { exitCodes, StartupError } from './startup-error.ts';

/**
 * Makes the folder (readable by its owner only) and checks that it can be written.
 * @returns its real path, so that one folder has one name however it was reached.
 * @throws StartupError (78) naming the folder, the reason and the way out.
 */
export async function ensureFolder(folder: string): Promise<string> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await access(folder, constants.W_OK | constants.X_OK);
    return await realpath(folder);
  } catch (error) {
    throw new StartupError(
      `The data folder cannot be written: ${folder}\n` +
        `  ${reason(error)}\n` +
        '  Set DATA_DIR to a folder that this user may write, for example DATA_DIR=/var/tmp/parley.',
      exitCodes.configuration,
    );
  }
}

function reason(error: unknown): string {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ENOTDIR':
    case 'EEXIST':
      return 'A part of this path is a file, not a folder.';
    case 'EACCES':
    case 'EPERM':
      return 'This user may not write there.';
    case 'EROFS':
      return 'It lies on a read-only file system.';
    case 'ENOSPC':
      return 'The disk is full.';
    default:
      return (error as Error).message;
  }
}
