import { limits } from '../../protocol/limits.ts';

/** More than anyone works on; of more, the oldest are given up. */
const MOST = 50;
/** Room to shorten a text in; what goes beyond is lost with the page. */
const LONGEST = 2 * limits.textLength;

const isText = (entry: unknown): entry is [string, string] =>
  Array.isArray(entry) && typeof entry[0] === 'string' && typeof entry[1] === 'string';

/**
 * Keeps the unsent words of one person in localStorage, by conversation, the newest last. It is
 * read anew before each change, so that two pages do not drop each other's.
 */
export function createDraftTexts(ownId: string) {
  const key = `parley:drafts:${ownId}`;

  const load = (): Map<string, string> => {
    try {
      const stored: unknown = JSON.parse(localStorage.getItem(key) ?? '[]');
      return new Map(Array.isArray(stored) ? stored.filter(isText) : []);
    } catch {
      // Storage may be forbidden, or hold something else.
      return new Map();
    }
  };

  const save = (texts: Map<string, string>): void => {
    try {
      if (texts.size === 0) localStorage.removeItem(key);
      else localStorage.setItem(key, JSON.stringify([...texts].slice(-MOST)));
    } catch {
      // Without storage, or where it is full, the words last as long as the page.
    }
  };

  return {
    load,
    keep(conversationId: string, text: string): void {
      const texts = load();
      texts.delete(conversationId);
      if (text.trim() !== '') texts.set(conversationId, text.slice(0, LONGEST));
      save(texts);
    },
    clear: () => save(new Map()),
  };
}
