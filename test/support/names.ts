import { randomBytes } from 'node:crypto';

/** A name that nothing else of this run uses. */
export const uniqueName = (prefix: string): string => `${prefix}-${randomBytes(6).toString('hex')}`;
