import { EmojiPicker as Picker } from 'frimousse';
import { emojiData } from './emoji-data.ts';

const COLUMNS = 9;

export interface EmojiPickerProps {
  onPick: (emoji: string) => void;
}

/** All emoji, by group, and found by a word. Loaded when it is needed: it is large. */
export default function EmojiPicker({ onPick }: EmojiPickerProps) {
  return (
    <Picker.Root
      columns={COLUMNS}
      resolveEmojiData={() => emojiData}
      onEmojiSelect={({ emoji }) => onPick(emoji)}
      className="flex h-80 min-h-0 flex-col"
    >
      <Picker.Search
        autoFocus
        aria-label="Search emoji"
        placeholder="Search"
        className="m-2 h-10 rounded-lg bg-hover px-3 placeholder:text-ink-faint focus:outline-2 focus:outline-accent"
      />
      <Picker.Viewport className="relative min-h-0 flex-1 outline-none">
        <Picker.Loading className="grid h-full place-items-center text-ink-soft">
          Loading
        </Picker.Loading>
        <Picker.Empty className="grid h-full place-items-center text-ink-soft">
          There is no such emoji.
        </Picker.Empty>
        <Picker.List
          className="pb-2 select-none"
          components={{
            CategoryHeader: ({ category, ...props }) => (
              <div className="bg-panel px-3 pt-2 pb-1 text-sm font-medium text-ink-soft" {...props}>
                {category.label}
              </div>
            ),
            Row: ({ children, ...props }) => (
              <div className="px-2" {...props}>
                {children}
              </div>
            ),
            Emoji: ({ emoji, ...props }) => (
              <button
                type="button"
                className="grid aspect-square flex-1 place-items-center rounded-lg text-xl data-active:bg-hover"
                {...props}
              >
                {emoji.emoji}
              </button>
            ),
          }}
        />
      </Picker.Viewport>
    </Picker.Root>
  );
}
