import { X } from 'lucide-react';
import type { OutgoingImage } from '../client/outbox.ts';

export interface DraftPictureProps {
  image: OutgoingImage;
  onRemove: () => void;
}

/** The picture that goes out with the next message. */
export function DraftPicture({ image, onRemove }: DraftPictureProps) {
  return (
    <div className="p-2 pb-0">
      <div className="relative inline-block">
        <img
          src={image.data}
          alt="To be sent"
          className="max-h-36 min-h-16 max-w-full min-w-16 rounded-xl border border-line bg-mat object-scale-down"
        />
        <button
          type="button"
          aria-label="Remove picture"
          title="Remove picture"
          className="absolute -top-1.5 -right-1.5 grid size-7 place-items-center rounded-full bg-ink text-panel shadow-card"
          onClick={onRemove}
        >
          <X size={15} aria-hidden />
        </button>
      </div>
    </div>
  );
}
