import { Download, X } from 'lucide-react';
import { Dialog } from 'radix-ui';

const look =
  'grid size-11 place-items-center rounded-full bg-black/55 text-white hover:bg-black/75 focus-visible:outline-white';

/** A picture as large as the window. */
export function Lightbox({ src, onClose }: { src: string; onClose: () => void }) {
  return (
    <Dialog.Root open onOpenChange={(open) => !open && onClose()}>
      <Dialog.Portal>
        <Dialog.Content
          aria-describedby={undefined}
          className="fixed inset-0 z-50 grid animate-appear place-items-center bg-black/85 p-4 focus:outline-none"
          onClick={onClose}
        >
          <Dialog.Title className="sr-only">Picture</Dialog.Title>
          <img
            src={src}
            alt="Enlarged"
            className="max-h-[calc(100dvh-2rem)] max-w-full rounded-lg bg-mat object-contain"
          />
          <div className="absolute top-4 right-4 flex gap-2">
            <a
              href={src}
              download
              aria-label="Download"
              title="Download"
              className={look}
              onClick={(event) => event.stopPropagation()}
            >
              <Download size={19} aria-hidden />
            </a>
            <Dialog.Close aria-label="Close" title="Close" className={look}>
              <X size={21} aria-hidden />
            </Dialog.Close>
          </div>
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
