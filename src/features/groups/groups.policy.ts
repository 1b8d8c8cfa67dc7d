import { AppError } from '../../errors.ts';
import type { GroupRole } from '../../protocol/types.ts';

/** Admins change a group, its members and their number; members read, write and leave. */
export function requireAdmin(access: { role: GroupRole }): void {
  if (access.role !== 'admin') {
    throw new AppError('forbidden', 'Only the admins of this group may do that.');
  }
}

/** Who becomes admin when the last one is gone: the longest-standing of the rest. */
export function successorOf<T extends { role: 'admin' | 'member' }>(
  /** The longest-standing first. */
  remaining: T[],
): T | undefined {
  return remaining.some((member) => member.role === 'admin') ? undefined : remaining[0];
}
