/** The emoji by group, with the words by which they are found. English, as all of this client. */
import words from 'emojilib/dist/emoji-en-US.json' with { type: 'json' };
import groups from 'unicode-emoji-json/data-by-group.json' with { type: 'json' };

/** Of 2022: what the server's Unicode takes for one emoji, and what most devices can show. */
const LATEST_VERSION = 15;

const wordsOf: Record<string, string[] | undefined> = words;

const emojis = groups.flatMap((group, category) =>
  group.emojis
    .filter(({ emoji_version: version }) => Number(version) <= LATEST_VERSION)
    .map(({ emoji, name, emoji_version: version }) => ({
      emoji,
      category,
      label: name,
      version: Number(version),
      tags: wordsOf[emoji] ?? [],
    })),
);

/** As frimousse takes it. */
export const emojiData = {
  locale: 'en' as const,
  emojis,
  categories: groups.map(({ name }, index) => ({ index, label: name })),
  skinTones: {
    ...{ light: 'Light', 'medium-light': 'Medium light', medium: 'Medium' },
    ...{ 'medium-dark': 'Medium dark', dark: 'Dark' },
  },
};
