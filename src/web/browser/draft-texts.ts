import { limits } from '../../protocol/limits.ts';

/** More than anyone works on; of more, the oldest are given up. */
const MOST = 50;
/** Room to shorten a text in; what goes beyond is lost with the page. */
const LONGEST = 2 * limits.textLength;

/** Somebody who was chosen to be named in a text. */
interface Named {
  id: string;
  name: string;
}
interface DraftText {
  text: string;
  mentions?: readonly Named[];
}

const isNamed = (one: unknown): one is Named =>
  typeof one === 'object' &&
  one !== null &&
  'id' in one &&
  'name' in one &&
  typeof one.id === 'string' &&
  typeof one.name === 'string';

/** An entry as it is stored: conversation, words, and whom they name. */
function toDraft(entry: unknown): [id: string, draft: DraftText][] {
  if (!Array.isArray(entry)) return [];
  const [id, text, mentions]: unknown[] = entry;
  if (typeof id !== 'string' || typeof text !== 'string') return [];
  const named = Array.isArray(mentions) ? mentions.filter(isNamed) : [];
  return [[id, { text, ...(named.length === 0 ? {} : { mentions: named }) }]];
}

/**
 * Keeps the unsent words of one person in localStorage, by conversation, the newest last. It is
 * read anew before each change, so that two pages do not drop each other's.
 */
export function createDraftTexts(ownId: string) {
  const key = `parley:drafts:${ownId}`;

  const load = (): Map<string, DraftText> => {
    try {
      const stored: unknown = JSON.parse(localStorage.getItem(key) ?? '[]');
      return new Map(Array.isArray(stored) ? stored.flatMap(toDraft) : []);
    } catch {
      // Storage may be forbidden, or hold something else.
      return new Map();
    }
  };

  const save = (texts: Map<string, DraftText>): void => {
    try {
      if (texts.size === 0) localStorage.removeItem(key);
      else {
        const entries = [...texts].map(([id, { text, mentions = [] }]) => [id, text, mentions]);
        localStorage.setItem(key, JSON.stringify(entries.slice(-MOST)));
      }
    } catch {
      // Without storage, or where it is full, the words last as long as the page.
    }
  };

  return {
    load,
    keep(conversationId: string, text: string, mentions: readonly Named[] = []): void {
      const texts = load();
      texts.delete(conversationId);
      if (text.trim() !== '') {
        texts.set(conversationId, { text: text.slice(0, LONGEST), mentions });
      }
      save(texts);
    },
    clear: () => save(new Map()),
  };
}
