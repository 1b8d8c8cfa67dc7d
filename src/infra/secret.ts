/** The secret that signs sessions, when the configuration gives none. */
import { randomBytes } from 'node:crypto';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const SECRET_BYTES = 32;

/**
 * Reads the secret kept in the data folder, making it at the first start.
 * @throws Error when the file does not hold a whole secret.
 */
export async function keptSecret(dataDir: string): Promise<string> {
  const file = join(dataDir, 'jwt-secret');
  await mkdir(dataDir, { recursive: true });
  const draft = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`;
  const made = randomBytes(SECRET_BYTES).toString('hex');
  await writeFile(draft, made, { mode: 0o600, flush: true });
  try {
    // Whole or not at all, and only where none is: two starts at once agree on one secret.
    await link(draft, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await rm(draft, { force: true });
  }
  const secret = (await readFile(file, 'utf8')).trim();
  if (secret.length < SECRET_BYTES) {
    throw new Error(`${file} is damaged. Remove it and start again; everybody then signs in anew.`);
  }
  return secret;
}
