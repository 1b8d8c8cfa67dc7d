import type { OutboxEntry, OutboxStorage } from '../client/outbox.ts';

const STORE = 'entries';

const settled = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

async function open(ownId: string): Promise<IDBDatabase> {
  const request = indexedDB.open(`parley-outbox-${ownId}`, 1);
  request.onupgradeneeded = () => {
    request.result.createObjectStore(STORE, { keyPath: 'clientId' });
  };
  return settled(request);
}

/**
 * Keeps one person's unsent messages in IndexedDB: unlike localStorage it has room for
 * pictures. Each entry is a record of its own, so that two pages do not overwrite each other.
 */
export function createOutboxDatabase(ownId: string): OutboxStorage {
  let database: Promise<IDBDatabase> | undefined;
  const store = async (mode: IDBTransactionMode) => {
    database ??= open(ownId);
    return (await database).transaction(STORE, mode).objectStore(STORE);
  };
  return {
    load: async () => settled<OutboxEntry[]>((await store('readonly')).getAll()),
    save: async (entry) => {
      await settled((await store('readwrite')).put(entry));
    },
    remove: async (clientId) => {
      await settled((await store('readwrite')).delete(clientId));
    },
  };
}
