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
}

const accepted = new Set(['image/png', 'image/jpeg', 'image/webp', 'image/gif']);
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

/** The bytes of a base64 data URL whose form the contract's schema has checked. */
export function decodeDataUrl(dataUrl: string): Buffer {
  return Buffer.from(dataUrl.slice(dataUrl.indexOf(',') + 1), 'base64');
}

/**
 * Decodes and encodes a picture anew.
 * @param square a side in pixels: cut to a square (profile pictures, WebP); absent: at most
 *   2,048 pixels on the longer side, in its own format, animations kept.
 * @throws AppError invalid_image, too_large
 */
export async function encodeImage(bytes: Buffer, square?: number): Promise<EncodedImage> {
  if (bytes.length > limits.imageBytes) {
    const megabytes = limits.imageBytes / 1024 / 1024;
    throw new AppError('too_large', `image: An image has at most ${megabytes} MB.`);
  }
  const found = await fileTypeFromBuffer(bytes);
  if (found === undefined || !accepted.has(found.mime)) {
    const what = found === undefined ? 'no image' : found.mime;
    throw new AppError(
      'invalid_image',
      `The content is ${what}; PNG, JPEG, WebP and GIF are accepted.`,
    );
  }
  return takeTurn(() => reencode(bytes, found.mime, square));
}

async function reencode(bytes: Buffer, type: string, square?: number): Promise<EncodedImage> {
  try {
    const animated = square === undefined && (type === 'image/gif' || type === 'image/webp');
    const image = sharp(bytes, { limitInputPixels: MAX_PIXELS, animated, failOn: 'error' })
      .timeout({ seconds: MAX_SECONDS })
      .autoOrient();
    const sized =
      square === undefined
        ? image.resize({ width: 2_048, height: 2_048, fit: 'inside', withoutEnlargement: true })
        : image.resize({ width: square, height: square, fit: 'cover' }).webp({ quality: 85 });
    const { data, info } = await sized.toBuffer({ resolveWithObject: true });
    return {
      bytes: data,
      type: square === undefined ? type : 'image/webp',
      width: info.width,
      height: info.pageHeight ?? info.height,
    };
  } catch (error) {
    throw new AppError(
      'invalid_image',
      'The image cannot be decoded: it is damaged, or larger than 50 million pixels.',
      { cause: error },
    );
  }
}
