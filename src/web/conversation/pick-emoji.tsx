import { Smile } from 'lucide-react';
import { Popover } from 'radix-ui';
import { useState } from 'react';
import { IconButton } from '../ui/button.tsx';
import { LateEmojiPicker } from '../ui/late-emoji-picker.tsx';

/** Puts an emoji into what one writes. Not on phones: their keyboards have them. */
export function PickEmoji({ onPick }: { onPick: (emoji: string) => void }) {
  const [isOpen, setIsOpen] = useState(false);
  return (
    <Popover.Root open={isOpen} onOpenChange={setIsOpen}>
      <Popover.Trigger asChild>
        <IconButton label="Emoji" className="pointer-coarse:hidden">
          <Smile size={20} aria-hidden />
        </IconButton>
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content
          side="top"
          align="end"
          sideOffset={10}
          collisionPadding={8}
          aria-label="Emoji"
          // The text has the focus again, where the emoji went.
          onCloseAutoFocus={(event) => event.preventDefault()}
          className="z-50 w-90 max-w-full animate-appear overflow-hidden rounded-xl border border-line bg-panel shadow-float"
        >
          <LateEmojiPicker
            onPick={(emoji) => {
              setIsOpen(false);
              onPick(emoji);
            }}
          />
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}
