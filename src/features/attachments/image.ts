/**
 * Pictures as they come from strangers: recognised by content, decoded and encoded anew, so
 * that nothing of the original file (metadata, trailing data, scripts) is ever served.
 */
import { fileTypeFromBuffer } from 'file-type';
import sharp from 'sharp';
import { AppError, unavailable } from '../../errors.ts';
import { limits } from '../../protocol/limits.ts';

export interface EncodedImage {
  bytes: Buffer;
  type: string;
  width: number;
  height: number;
  /** Whether it moves. */
  animated: boolean;
}

/** Media types of what is shown as a picture; everything else is a file to download. */
export const imageTypes: ReadonlySet<string> = new Set([
  'image/png',
  'image/jpeg',
  'image/webp',
  'image/gif',
]);
/** Whether an attachment is shown, and not downloaded: what was encoded here has a width. */
export const isPicture = ({ type, width }: { type: string; width?: number }): boolean =>
  width !== undefined && imageTypes.has(type);

/** Longer side of a picture in a message, and of its thumbnail: a bubble at double density. */
const LONGEST_SIDE = 2_048;
const THUMBNAIL_SIDE = 768;
/** About a 7,000 by 7,000 photograph; beyond it a small file may unpack to gigabytes. */
const MAX_PIXELS = 50_000_000;
const MAX_SECONDS = 10;
/** Decoded pictures are large; more than two at once only cost memory. */
const MAX_AT_ONCE = 2;
const MAX_WAITING = 50;

let running = 0;
const waiting: (() => void)[] = [];

async function takeTurn<T>(work: () => Promise<T>): Promise<T> {
  if (running >= MAX_AT_ONCE) {
    if (waiting.length >= MAX_WAITING) {
      throw unavailable('Too many pictures are being processed. Please try again.');
    }
    await new Promise<void>((resolve) => waiting.push(resolve));
  }
  running++;
  try {
    return await work();
  } finally {
    running--;
    waiting.shift()?.();
  }
}

/**
 * The bytes of a base64 data URL whose form the contract's schema has checked.
 * @throws AppError too_large
 */
export function decodeImage(dataUrl: string): Buffer {
  const bytes = Buffer.from(dataUrl.slice(dataUrl.indexOf(',') + 1), 'base64');
  if (bytes.length <= limits.imageBytes) return bytes;
  const megabytes = limits.imageBytes / 1024 / 1024;
  throw new AppError('too_large', `image: An image has at most ${megabytes} MB.`);
}

/** The media type that the first bytes of a file tell; undefined when they tell none. */
export const typeOf = async (bytes: Uint8Array): Promise<string | undefined> =>
  (await fileTypeFromBuffer(bytes))?.mime;

export const notAnImage = (type: string | undefined): AppError =>
  new AppError(
    'invalid_image',
    `The content is ${type ?? 'no image'}; PNG, JPEG, WebP and GIF are accepted.`,
  );

/**
 * Decodes and encodes a picture anew.
 * @param square a side in pixels: cut to a square (profile pictures, WebP); absent: at most
 *   2,048 pixels on the longer side, in its own format, animations kept.
 * @throws AppError invalid_image, unavailable
 */
export async function encodeImage(bytes: Buffer, square?: number): Promise<EncodedImage> {
  const type = await typeOf(bytes);
  if (type === undefined || !imageTypes.has(type)) throw notAnImage(type);
  return takeTurn(() => reencode(bytes, type, square));
}

/**
 * The same with a smaller copy, of a picture that is not read before its turn has come.
 * @throws AppError invalid_image, unavailable, and what reading throws
 */
export function encodePicture(
  read: () => Promise<Buffer>,
): Promise<{ image: EncodedImage; thumbnail: EncodedImage | undefined }> {
  return takeTurn(async () => {
    const bytes = await read();
    const type = await typeOf(bytes);
    if (type === undefined || !imageTypes.has(type)) throw notAnImage(type);
    const image = await reencode(bytes, type);
    return { image, thumbnail: await thumbnailOf(image) };
  });
}

/** A smaller, still copy; undefined for pictures that are small already, or move. */
async function thumbnailOf(image: EncodedImage): Promise<EncodedImage | undefined> {
  if (image.animated || Math.max(image.width, image.height) <= THUMBNAIL_SIDE) return undefined;
  const { data, info } = await sharp(image.bytes, { limitInputPixels: MAX_PIXELS })
    .timeout({ seconds: MAX_SECONDS })
    .resize({ width: THUMBNAIL_SIDE, height: THUMBNAIL_SIDE, fit: 'inside' })
    .webp({ quality: 78 })
    .toBuffer({ resolveWithObject: true });
  const { width, height } = info;
  return { bytes: data, type: 'image/webp', width, height, animated: false };
}

async function reencode(bytes: Buffer, type: string, square?: number): Promise<EncodedImage> {
  try {
    const mayMove = square === undefined && (type === 'image/gif' || type === 'image/webp');
    const image = sharp(bytes, { limitInputPixels: MAX_PIXELS, animated: mayMove, failOn: 'error' })
      .timeout({ seconds: MAX_SECONDS })
      .autoOrient();
    const sized =
      square === undefined
        ? image.resize({
            width: LONGEST_SIDE,
            height: LONGEST_SIDE,
            fit: 'inside',
            withoutEnlargement: true,
          })
        : image.resize({ width: square, height: square, fit: 'cover' }).webp({ quality: 85 });
    const { data, info } = await sized.toBuffer({ resolveWithObject: true });
    return {
      bytes: data,
      type: square === undefined ? type : 'image/webp',
      width: info.width,
      height: info.pageHeight ?? info.height,
      animated: (info.pages ?? 1) > 1,
    };
  } catch (error) {
    throw new AppError(
      'invalid_image',
      'The image cannot be decoded: it is damaged, or larger than 50 million pixels.',
      { cause: error },
    );
  }
}
