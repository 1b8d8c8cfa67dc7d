/** The commands that a server in this process sends to MongoDB, by the driver's own monitoring. */
import mongoose, { type mongo } from 'mongoose';

/** For a server whose commands a test wants to see. @param uri of its MongoDB */
export function monitored(uri: string): string {
  const given = new URL(uri);
  given.searchParams.set('monitorCommands', 'true');
  return given.href;
}

/** Calls back for each command of the servers on a database; returns how to stop. */
export function onCommand(
  database: string,
  listener: (event: mongo.CommandStartedEvent) => void,
): () => void {
  const clients = mongoose.connections
    .filter(({ name }) => name === database)
    .map((connection) => connection.getClient());
  if (clients.length === 0) throw new Error(`no server here has the database ${database}`);
  for (const client of clients) client.on('commandStarted', listener);
  return () => {
    for (const client of clients) client.off('commandStarted', listener);
  };
}
