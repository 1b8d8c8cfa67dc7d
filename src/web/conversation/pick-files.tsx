import { ImagePlus } from 'lucide-react';
import { useRef } from 'react';
import { IconButton } from '../ui/button.tsx';

/** Chooses a picture from the disk or the camera roll. */
export function PickPicture({ onPick }: { onPick: (files: readonly File[]) => void }) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <IconButton label="Add a picture" onClick={() => input.current?.click()}>
        <ImagePlus size={20} aria-hidden />
      </IconButton>
      <input
        ref={input}
        type="file"
        accept="image/*"
        hidden
        aria-label="Picture"
        onChange={(event) => {
          onPick([...(event.target.files ?? [])]);
          event.target.value = '';
        }}
      />
    </>
  );
}
