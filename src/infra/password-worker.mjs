// Runs in the worker threads of password-pool.ts. Plain JavaScript, because a worker thread
// does not get the loader under which the sources may be running.
import bcrypt from 'bcryptjs';

/**
 * @param {{ password: string, cost: number }} task
 * @returns {string} the bcrypt hash, salt included
 */
export const hash = ({ password, cost }) => bcrypt.hashSync(password, cost);

/**
 * @param {{ password: string, hash: string }} task
 * @returns {boolean} whether the password is the hash's
 */
export const compare = ({ password, hash }) => bcrypt.compareSync(password, hash);
