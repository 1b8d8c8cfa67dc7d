import { ImageOff } from 'lucide-react';
import { useState } from 'react';
import { Lightbox } from './lightbox.tsx';

export interface PictureProps {
  src: string;
  /** Pixels; unknown for pictures of other clients. */
  width?: number | undefined;
  height?: number | undefined;
}

const LARGEST = { width: 384, height: 320 };

/** A picture in a message. Its place is reserved before it is loaded. */
export function Picture({ src, width = 320, height = 240 }: PictureProps) {
  const [isOpen, setIsOpen] = useState(false);
  const [isBroken, setIsBroken] = useState(false);
  const scale = Math.min(1, LARGEST.width / width, LARGEST.height / height);
  const size = { width: Math.round(width * scale), aspectRatio: `${width} / ${height}` };

  if (isBroken) {
    return (
      <p className="flex items-center gap-2 px-3 py-2 text-sm text-ink-soft">
        <ImageOff size={16} aria-hidden /> This picture cannot be loaded.
      </p>
    );
  }
  return (
    <>
      <button
        type="button"
        aria-label="Enlarge picture"
        className="block max-w-full overflow-hidden rounded-xl bg-hover"
        style={size}
        onClick={() => setIsOpen(true)}
      >
        <img
          src={src}
          alt="Sent in this conversation"
          className="size-full object-cover"
          onError={() => setIsBroken(true)}
        />
      </button>
      {isOpen && <Lightbox src={src} onClose={() => setIsOpen(false)} />}
    </>
  );
}
