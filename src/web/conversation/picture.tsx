import { clsx } from 'clsx';
import { ImageOff } from 'lucide-react';
import { type CSSProperties, useState } from 'react';
import { useObjectUrl } from '../ui/use-object-url.ts';
import type { ShownPicture } from './shown-file.ts';

export interface PictureProps {
  picture: ShownPicture;
  /** The place it takes up, before it is loaded, too. */
  place?: CSSProperties | undefined;
  /** One of several: it fills a place of this shape, and is cut where it has another one. */
  tile?: 'square' | 'wide';
  onOpen: () => void;
}

/** A picture in a message. */
export function Picture({ picture, place, tile, onOpen }: PictureProps) {
  const [isBroken, setIsBroken] = useState(false);
  const url = useObjectUrl(picture.small);

  if (isBroken) {
    return (
      <button
        type="button"
        className="grid min-h-20 w-full max-w-full place-content-center justify-items-center gap-1 rounded-xl bg-hover p-2 text-center text-sm text-ink-soft hover:text-ink"
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
    <button
      type="button"
      aria-label="Enlarge picture"
      title={picture.name}
      className={clsx(
        'block max-w-full overflow-hidden rounded-xl bg-mat',
        tile === undefined ? 'min-h-20' : 'w-full',
        tile === 'square' && 'aspect-square',
        tile === 'wide' && 'aspect-[2/1]',
      )}
      style={place}
      onClick={onOpen}
    >
      {url !== undefined && (
        <img
          src={url}
          alt="Sent in this conversation"
          className={clsx('size-full', tile ? 'object-cover' : 'object-scale-down')}
          onError={() => setIsBroken(true)}
        />
      )}
    </button>
  );
}
