/**
 * The driver's connection, mended. When a socket does not take a command at once, the driver
 * (mongodb 7.8) waits for "drain" or "error", and a socket that closes meanwhile tells neither:
 * the operation never ends, its place in the pool is lost, and whatever waits in line behind it
 * stands still. That is so for every operation, also a small one, that meets the instant between
 * the end of a connection and the word of it, as when a database is killed.
 *
 * The class is the driver's own and not part of its documented interface, so an update may break
 * this: test/messages/lost-operation.test.ts shows both faults when it is left out.
 */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

/** Of the driver's Connection what is used here (mongodb/lib/cmap/connection.js). */
interface DriverConnection {
  once(event: 'close', listener: () => void): unknown;
  off(event: 'close', listener: () => void): unknown;
  writeCommand(command: unknown, options: unknown): Promise<unknown>;
}

// The driver that mongoose brings, which need not be the one next to it.
const requireOfMongoose = createRequire(fileURLToPath(import.meta.resolve('mongoose')));
const { Connection } = requireOfMongoose('mongodb/lib/cmap/connection.js') as {
  Connection: new (...args: unknown[]) => DriverConnection;
};

/** For the option `connectionType` of a client. */
export class EndingConnection extends Connection {
  /** Also resolves when the connection closes: the driver looks at once, and throws why. */
  override writeCommand(command: unknown, options: unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const onClose = (): void => resolve(undefined);
      this.once('close', onClose);
      super
        .writeCommand(command, options)
        .then(resolve, reject)
        .finally(() => this.off('close', onClose));
    });
  }
}
