import { lazy, Suspense } from 'react';
import type { EmojiPickerProps } from './emoji-picker.tsx';
import { Spinner } from './spinner.tsx';

/** Without a connection it does not come; the few that are always there remain. */
const EmojiPicker = lazy(() => import('./emoji-picker.tsx').catch(() => ({ default: NoPicker })));

export function LateEmojiPicker(props: EmojiPickerProps) {
  return (
    <Suspense
      fallback={
        <p role="status" className="flex h-80 items-center justify-center gap-2 text-ink-soft">
          <Spinner /> Loading emoji
        </p>
      }
    >
      <EmojiPicker {...props} />
    </Suspense>
  );
}

function NoPicker() {
  return <p className="p-6 text-ink-soft">The emoji could not be loaded. Load the page again.</p>;
}
