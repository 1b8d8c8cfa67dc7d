import { ImageOff } from 'lucide-react';
import { useState } from 'react';
import { closePicture, openPicture } from '../browser/route.ts';
import { useOpenPicture } from '../state/live.ts';
import { Lightbox } from './lightbox.tsx';
import type { PictureBox } from './picture-box.ts';

export interface PictureProps {
  /** Which message it belongs to. */
  messageId: string;
  src: string;
  box: PictureBox;
}

/** A picture in a message. Its place is reserved before it is loaded. */
export function Picture({ messageId, src, box: { width, height } }: PictureProps) {
  const isOpen = useOpenPicture() === messageId;
  const [isBroken, setIsBroken] = useState(false);
  const place = { width, aspectRatio: `${width} / ${height}` };

  if (isBroken) {
    return (
      <button
        type="button"
        className="grid min-h-20 max-w-full place-content-center justify-items-center gap-1 rounded-xl bg-hover p-2 text-center text-sm text-ink-soft hover:text-ink"
        style={place}
        onClick={() => setIsBroken(false)}
      >
        <ImageOff size={16} aria-hidden />
        <span>
          Could not be loaded.{' '}
          <span className="font-medium whitespace-nowrap underline">Try again</span>
        </span>
      </button>
    );
  }
  return (
    <>
      <button
        type="button"
        aria-label="Enlarge picture"
        className="block min-h-20 max-w-full overflow-hidden rounded-xl bg-mat"
        style={place}
        onClick={() => openPicture(messageId)}
      >
        <img
          src={src}
          alt="Sent in this conversation"
          className="size-full object-scale-down"
          onError={() => setIsBroken(true)}
        />
      </button>
      {isOpen && <Lightbox src={src} onClose={closePicture} />}
    </>
  );
}
