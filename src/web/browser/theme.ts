import { Emitter } from '../client/emitter.ts';

export type Theme = 'system' | 'light' | 'dark';

/** theme.js reads the same key before the first paint. */
const KEY = 'parley:theme';
const changed = new Emitter();

/** The person's choice; applied to the document by its `data-theme`. */
export const theme = {
  listen: changed.listen,

  current: (): Theme => {
    const chosen = document.documentElement.dataset.theme;
    return chosen === 'light' || chosen === 'dark' ? chosen : 'system';
  },

  choose(choice: Theme): void {
    const { dataset } = document.documentElement;
    if (choice === 'system') delete dataset.theme;
    else dataset.theme = choice;
    try {
      if (choice === 'system') localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, choice);
    } catch {
      // Without storage the choice lasts as long as the page.
    }
    changed.emit();
  },
};
