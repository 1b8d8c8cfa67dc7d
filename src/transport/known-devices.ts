/**
 * Browsers that have logged in to an account before, so that who guesses its password from many
 * addresses does not lock its owner out. The cookie says so itself, signed: a random name of the
 * browser, and one signature for each account. It opens nothing; its guesses have a limit of
 * their own.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** Accounts of one browser, the newest first. */
const MOST_ACCOUNTS = 5;
const pattern = new RegExp(`^([\\w-]{16})((?:\\.[\\w-]{22}){1,${MOST_ACCOUNTS}})$`);

export type KnownDevices = ReturnType<typeof createKnownDevices>;

/** @param secret the one that signs sessions */
export function createKnownDevices(secret: string) {
  const sign = (id: string, account: string): string =>
    createHmac('sha256', secret)
      .update(`device\0${id}\0${account}`)
      .digest('base64url')
      .slice(0, 22);

  function read(cookie: string | undefined): { id: string; marks: string[] } | undefined {
    const [, id, marks] = pattern.exec(cookie ?? '') ?? [];
    return id === undefined || marks === undefined
      ? undefined
      : { id, marks: marks.slice(1).split('.') };
  }

  return {
    /** The device's name, if it has logged in to this account before. */
    nameOf: (cookie: string | undefined, account: string): string | undefined => {
      const given = read(cookie);
      if (given === undefined) return undefined;
      const wanted = Buffer.from(sign(given.id, account));
      const isKnown = given.marks.some((mark) => timingSafeEqual(Buffer.from(mark), wanted));
      return isKnown ? given.id : undefined;
    },
    /** The cookie of a device that has just logged in. */
    remember: (cookie: string | undefined, account: string): string => {
      const given = read(cookie);
      const id = given?.id ?? randomBytes(12).toString('base64url');
      const mark = sign(id, account);
      const others = (given?.marks ?? []).filter((one) => one !== mark);
      return [id, mark, ...others.slice(0, MOST_ACCOUNTS - 1)].join('.');
    },
  };
}
