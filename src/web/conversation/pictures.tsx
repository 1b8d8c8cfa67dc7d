import { clsx } from 'clsx';
import { closePicture, openPicture, pictureKey, turnToPicture } from '../browser/route.ts';
import { useOpenPicture } from '../state/live.ts';
import { Lightbox } from './lightbox.tsx';
import { Picture } from './picture.tsx';
import { type PictureBox, pictureBox } from './picture-box.ts';
import type { ShownPicture } from './shown-file.ts';

/** More stand behind the last one. */
const SHOWN = 4;
const TILES_WIDTH = 352;

/** The place that the pictures of a message take up. */
export function picturesBox(pictures: readonly ShownPicture[]): PictureBox | undefined {
  const [first, second] = pictures;
  if (!first) return undefined;
  if (!second) return pictureBox(first.width, first.height);
  return { width: TILES_WIDTH, height: TILES_WIDTH / 2, carriesTime: true };
}

export interface PicturesProps {
  /** Which message they belong to. */
  messageId: string;
  pictures: readonly ShownPicture[];
}

/** One picture in its own shape, or several as tiles. */
export function Pictures({ messageId, pictures }: PicturesProps) {
  const open = useOpenPicture();
  const keyOf = (index: number) => pictureKey(messageId, index);
  const enlarged = pictures.findIndex((_picture, index) => keyOf(index) === open);
  const [single] = pictures;
  return (
    <>
      {pictures.length === 1 && single ? (
        <Picture
          picture={single}
          place={placeOf(pictureBox(single.width, single.height))}
          onOpen={() => openPicture(keyOf(0))}
        />
      ) : (
        <div className="grid max-w-full grid-cols-2 gap-1" style={{ width: TILES_WIDTH }}>
          {pictures.slice(0, SHOWN).map((picture, index) => (
            <div
              key={picture.key}
              className={clsx('relative', isWide(index, pictures.length) && 'col-span-2')}
            >
              <Picture
                picture={picture}
                tile={isWide(index, pictures.length) ? 'wide' : 'square'}
                onOpen={() => openPicture(keyOf(index))}
              />
              {index === SHOWN - 1 && pictures.length > SHOWN && (
                <span className="pointer-events-none absolute inset-0 grid place-items-center rounded-xl bg-black/55 text-xl font-medium text-white">
                  +{pictures.length - SHOWN + 1}
                </span>
              )}
            </div>
          ))}
        </div>
      )}
      {enlarged >= 0 && (
        <Lightbox
          pictures={pictures}
          index={enlarged}
          onTurn={(index) => turnToPicture(keyOf(index))}
          onClose={closePicture}
        />
      )}
    </>
  );
}

/** Of three the first takes a whole row, so that no place is empty. */
const isWide = (index: number, count: number): boolean => index === 0 && count === 3;

const placeOf = ({ width, height }: PictureBox) => ({ width, aspectRatio: `${width} / ${height}` });
