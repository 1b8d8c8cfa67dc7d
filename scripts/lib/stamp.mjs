/**
 * Stamps: a small file that says from which inputs something was made. Content is hashed, not
 * times, because a checkout or a copy changes times only; a few hundred files take some 10 ms.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * The hash of files and folders (recursively) below `root`, by path and content. What does not
 * exist counts as absent.
 * @param {string} root
 * @param {string[]} inputs paths relative to root
 * @param {{ without?: string[], extra?: string }} [options] folders to leave out; further words
 */
export function hashInputs(root, inputs, { without = [], extra = '' } = {}) {
  const hash = createHash('sha256').update(extra);
  const visit = (path) => {
    if (without.includes(path)) return;
    let names;
    try {
      names = readdirSync(join(root, path)).sort();
    } catch (error) {
      if (error.code === 'ENOENT') return;
      if (error.code !== 'ENOTDIR') throw error;
      hash.update(`\0${path}\0`).update(readFileSync(join(root, path)));
      return;
    }
    for (const name of names) visit(`${path}/${name}`);
  };
  for (const input of inputs) visit(input);
  return hash.digest('hex');
}

/** Whether the stamp file holds this hash. @param {string} file @param {string} hash */
export function isFresh(file, hash) {
  try {
    return readFileSync(file, 'utf8').trim() === hash;
  } catch {
    return false;
  }
}

/** @param {string} file @param {string} hash */
export function writeStamp(file, hash) {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${hash}\n`);
}

/** Forgets: what is being made anew is not to be believed until it is done. @param {string} file */
export function removeStamp(file) {
  rmSync(file, { force: true });
}
