import { Camera } from 'lucide-react';
import { type ReactNode, useRef } from 'react';
import { pictureTypes } from '../browser/pictures.ts';

export interface PictureButtonProps {
  label: string;
  onPick: (file: File) => void;
  disabled?: boolean;
  children: ReactNode;
}

/** An avatar that lets one choose another picture. */
export function PictureButton({ label, onPick, disabled, children }: PictureButtonProps) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button
        type="button"
        aria-label={label}
        title={label}
        disabled={disabled}
        className="relative inline-block rounded-full"
        onClick={() => input.current?.click()}
      >
        {children}
        <span className="absolute right-0 bottom-0 grid size-8 place-items-center rounded-full border-2 border-panel bg-accent text-accent-ink">
          <Camera size={15} aria-hidden />
        </span>
      </button>
      <input
        ref={input}
        type="file"
        aria-label={label}
        accept={pictureTypes.join(',')}
        hidden
        onChange={(event) => {
          const file = event.target.files?.[0];
          if (file) onPick(file);
          event.target.value = '';
        }}
      />
    </>
  );
}
