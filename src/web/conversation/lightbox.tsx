import { clsx } from 'clsx';
import { ChevronLeft, ChevronRight, Download, X } from 'lucide-react';
import { Dialog } from 'radix-ui';
import type { KeyboardEvent, ReactNode } from 'react';
import { useObjectUrl } from '../ui/use-object-url.ts';
import type { ShownPicture } from './shown-file.ts';

const look =
  'grid size-11 place-items-center rounded-full bg-black/55 text-white hover:bg-black/75 focus-visible:outline-white';

export interface LightboxProps {
  pictures: readonly ShownPicture[];
  /** Which of them is shown. */
  index: number;
  onTurn: (index: number) => void;
  onClose: () => void;
}

/** A picture as large as the window; the others of its message are a key or a click away. */
export function Lightbox({ pictures, index, onTurn, onClose }: LightboxProps) {
  const picture = pictures[index];
  const url = useObjectUrl(picture?.source ?? '');
  const turn = (by: -1 | 1) => {
    if (pictures[index + by]) onTurn(index + by);
  };
  const onKeyDown = ({ key }: KeyboardEvent) => {
    if (key === 'ArrowLeft') turn(-1);
    if (key === 'ArrowRight') turn(1);
  };
  return (
    <Dialog.Root open onOpenChange={(open) => !open && onClose()}>
      <Dialog.Portal>
        <Dialog.Content
          aria-describedby={undefined}
          className="fixed inset-0 z-50 grid animate-appear place-items-center bg-black/85 p-4 focus:outline-none"
          onClick={onClose}
          onKeyDown={onKeyDown}
        >
          <Dialog.Title className="sr-only">Picture</Dialog.Title>
          <img
            key={picture?.key}
            src={url}
            alt="Enlarged"
            className="max-h-[calc(100dvh-2rem)] max-w-full rounded-lg bg-mat object-contain"
          />
          <div className="absolute top-4 right-4 flex gap-2">
            {url !== undefined && (
              <a
                href={url}
                download={picture?.name ?? ''}
                aria-label="Download"
                title="Download"
                className={look}
                onClick={(event) => event.stopPropagation()}
              >
                <Download size={19} aria-hidden />
              </a>
            )}
            <Dialog.Close aria-label="Close" title="Close" className={look}>
              <X size={21} aria-hidden />
            </Dialog.Close>
          </div>
          {pictures.length > 1 && (
            <>
              <p
                role="status"
                className="absolute top-4 left-4 rounded-full bg-black/55 px-3 py-1.5 text-sm text-white tabular-nums"
              >
                {index + 1} of {pictures.length}
              </p>
              <Turn
                label="Previous picture"
                side="left-4"
                isLast={index === 0}
                onClick={() => turn(-1)}
              >
                <ChevronLeft size={24} aria-hidden />
              </Turn>
              <Turn
                label="Next picture"
                side="right-4"
                isLast={index === pictures.length - 1}
                onClick={() => turn(1)}
              >
                <ChevronRight size={24} aria-hidden />
              </Turn>
            </>
          )}
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

interface TurnProps {
  label: string;
  side: string;
  isLast: boolean;
  onClick: () => void;
  children: ReactNode;
}

function Turn({ label, side, isLast, onClick, children }: TurnProps) {
  return (
    <button
      type="button"
      aria-label={label}
      title={label}
      disabled={isLast}
      className={clsx(look, 'absolute top-1/2 -translate-y-1/2 disabled:opacity-30', side)}
      onClick={(event) => {
        event.stopPropagation();
        onClick();
      }}
    >
      {children}
    </button>
  );
}
