/**
 * Sessions and tokens of seeded people, and the file that load tests read them from. Sessions
 * last for a week from now, so unlike the data they are made anew by each run.
 */
import { chmod, mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { signSession } from '../../src/features/auth/sessions.service.ts';
import type { SessionRecord } from '../../src/features/auth/sessions.store.ts';
import { partnerOf } from '../../src/features/conversations/conversation-id.ts';
import type { Database } from '../lib/program.ts';
import { batches } from './bulk.ts';
import type { SeedPlan } from './plan.ts';
import { SEED_PASSWORD } from './seed.ts';

/** A line of the file: who logs in, by which token, and whom and where they can write. */
interface Login {
  userId: string;
  email: string;
  password: string;
  token: string;
  /** Somebody they have a direct conversation with; "" when there is none. */
  partnerId: string;
  /** A group they belong to; "" when there is none. */
  groupId: string;
}

const columns = ['userId', 'email', 'password', 'token', 'partnerId', 'groupId'] as const;

/**
 * Opens a session for everybody of a seed.
 * @param secret the server's, by which it knows the tokens
 */
export async function openSessions(
  { models, db }: Database,
  plan: SeedPlan,
  secret: string,
): Promise<Login[]> {
  // In whole seconds, as the token has it.
  const now = new Date(Math.floor(Date.now() / 1_000) * 1_000);
  const partners = new Map<string, string>();
  const groups = new Map<string, string>();
  for (const { _id, kind, memberIds } of plan.conversations) {
    for (const userId of memberIds) {
      const first = kind === 'group' ? groups : partners;
      if (!first.has(userId)) first.set(userId, partnerOf(_id, userId) ?? _id);
    }
  }
  const sessions = db.collection<SessionRecord>(models.sessions.collection.collectionName);
  const logins: Login[] = [];
  for (const batch of batches(plan.users)) {
    const operations = batch.map(({ _id, email }) => {
      // One session of the seed for each person, of the same id, however often this runs.
      const { token, expiresAt } = signSession(secret, _id, _id, now);
      logins.push({
        ...{ userId: _id, email, password: SEED_PASSWORD, token },
        ...{ partnerId: partners.get(_id) ?? '', groupId: groups.get(_id) ?? '' },
      });
      const replacement: Omit<SessionRecord, '_id'> = {
        ...{ userId: _id, userAgent: 'Parley seed' },
        ...{ createdAt: now, lastUsedAt: now, expiresAt },
      };
      return { replaceOne: { filter: { _id }, replacement, upsert: true } };
    });
    await sessions.bulkWrite(operations, {
      ordered: false,
      writeConcern: { w: 'majority', journal: true },
    });
  }
  return logins;
}

/** Writes the file, readable by its owner only, with a header line, whole or not at all. */
export async function writeLogins(file: string, logins: Login[]): Promise<void> {
  const lines = logins.map((login) => columns.map((column) => login[column]).join(','));
  await mkdir(dirname(file), { recursive: true });
  const draft = `${file}.${process.pid}`;
  await writeFile(draft, `${[columns.join(','), ...lines].join('\n')}\n`, { mode: 0o600 });
  await chmod(draft, 0o600);
  await rename(draft, file);
}
