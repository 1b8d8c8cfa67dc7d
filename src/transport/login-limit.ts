/**
 * How often a password may be guessed: so often at one account from one address, wider from one
 * address at any account and at one account from anywhere. Attempts count before the password is
 * looked at, so that many at once are no way around; one that succeeds, or fails for another
 * reason, is taken back.
 *
 * A browser that has logged in to the account before is counted by itself instead, for that
 * account: whatever others do, from its address or elsewhere, it is not locked out.
 */
import { hash } from 'node:crypto';
import type { Limit, RateLimits } from '../infra/rate-limit.ts';
import type { ProblemCode } from '../protocol/problems.ts';
import type { Take } from './admission.ts';

/** @param outcome of the attempt: undefined when it succeeded */
export type EndAttempt = (outcome: ProblemCode | undefined) => Promise<void>;

/**
 * Counts an attempt.
 * @param device the name of one that has logged in to the account before
 * @returns what to call when the attempt is over
 * @throws AppError rate_limited
 */
export async function beginLogin(
  limits: Pick<RateLimits, 'login' | 'loginAddress' | 'loginAccount'>,
  given: { email: string; address: string; device: string | undefined },
  take: Take,
): Promise<EndAttempt> {
  const { login, loginAddress, loginAccount } = limits;
  const { email, address, device } = given;
  // As short as a key should be, whatever was given as an e-mail address.
  const account = hash('sha256', email, 'base64url');
  const from = device === undefined ? address : `device:${device}`;
  const key = `${account}:${from}`;
  const wider: [Limit, string][] =
    device === undefined
      ? [
          [loginAddress, address],
          [loginAccount, account],
        ]
      : [];
  // In this order: an attempt that is refused is none at the account.
  await take(login, key);
  for (const [limit, widerKey] of wider) await take(limit, widerKey);

  return async (outcome) => {
    if (outcome === 'wrong_credentials') return;
    if (outcome === undefined) await login.store.resetKey(key);
    else await login.store.decrement(key);
    await Promise.all(wider.map(([limit, widerKey]) => limit.store.decrement(widerKey)));
  };
}
