import type { OutboxStorage } from './outbox.ts';

/** Storage for programs that need not survive themselves: it lives as long as the object. */
export function createMemoryStorage(): OutboxStorage {
  const entries = new Map<string, Parameters<OutboxStorage['save']>[0]>();
  return {
    load: async () => [...entries.values()],
    save: async (entry) => {
      entries.set(entry.clientId, entry);
    },
    remove: async (clientId) => {
      entries.delete(clientId);
    },
  };
}
