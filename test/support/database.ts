/** The database behind a server, for what no client can see. */
import { randomBytes } from 'node:crypto';
import mongoose from 'mongoose';
import { inject } from 'vitest';

export const createDatabaseName = (): string => `test_${randomBytes(6).toString('hex')}`;

/** Runs `work` on a database of the tests' MongoDB. */
export async function withDatabase<T>(
  name: string,
  work: (db: mongoose.mongo.Db) => Promise<T>,
): Promise<T> {
  const client = new mongoose.mongo.MongoClient(inject('mongodbUri'));
  try {
    return await work(client.db(name));
  } finally {
    await client.close();
  }
}

export const dropDatabase = (name: string): Promise<boolean> =>
  withDatabase(name, (db) => db.dropDatabase());
