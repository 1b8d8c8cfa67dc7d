/** Makes chosen files into what the server accepts. */
import type { OutgoingFile } from '../client/uploader.ts';

/** Pictures that are shown, for a file chooser's `accept`, too. */
export const pictureTypes = ['image/png', 'image/jpeg', 'image/webp', 'image/gif'];

const accepted = 'PNG, JPEG, WebP and GIF are accepted.';

const LONGEST_SIDE = 2_560;
const AVATAR_SIDE = 512;

/**
 * A file for a message: a picture with its size, made smaller where it is larger than what is kept
 * of it; anything else, and what only calls itself a picture, as it is.
 */
export async function prepareFile(file: File): Promise<OutgoingFile> {
  const key = crypto.randomUUID();
  const { name, type } = file;
  if (!type.startsWith('image/')) return { key, name, type, content: file };
  const bitmap = await createImageBitmap(file).catch(() => undefined);
  if (!bitmap) return { key, name, type: '', content: file };
  try {
    const { width, height } = bitmap;
    const scale = LONGEST_SIDE / Math.max(width, height);
    const asItIs = { key, name, type, content: file, width, height };
    if (scale >= 1) return asItIs;
    const size = { width: Math.round(width * scale), height: Math.round(height * scale) };
    const smaller = await draw(bitmap, size, { x: 0, y: 0, width, height }).catch(() => undefined);
    // A browser that cannot make it smaller leaves that to the server.
    if (!smaller) return asItIs;
    return { key, name: asJpeg(name), type: smaller.type, content: smaller, ...size };
  } finally {
    bitmap.close();
  }
}

const asJpeg = (name: string): string => `${name.replace(/\.\w{1,5}$/, '')}.jpg`;

/** A square picture of a person or a group, cut from the middle. Returns a data URL. */
export async function prepareAvatar(file: Blob): Promise<string> {
  const bitmap = await decode(file);
  const side = Math.min(bitmap.width, bitmap.height);
  const target = Math.min(side, AVATAR_SIDE);
  const square = await draw(
    bitmap,
    { width: target, height: target },
    { x: (bitmap.width - side) / 2, y: (bitmap.height - side) / 2, width: side, height: side },
  );
  return toDataUrl(square);
}

async function decode(file: Blob): Promise<ImageBitmap> {
  try {
    return await createImageBitmap(file);
  } catch (cause) {
    throw new Error(`This file cannot be read as a picture. ${accepted}`, { cause });
  }
}

interface Area {
  x: number;
  y: number;
  width: number;
  height: number;
}

async function draw(
  bitmap: ImageBitmap,
  size: { width: number; height: number },
  from: Area,
): Promise<Blob> {
  const canvas = document.createElement('canvas');
  canvas.width = size.width;
  canvas.height = size.height;
  const context = canvas.getContext('2d');
  if (!context) throw new Error('This browser cannot make the picture smaller.');
  context.imageSmoothingQuality = 'high';
  // JPEG knows no transparency; white is what most pictures were made for.
  context.fillStyle = '#fff';
  context.fillRect(0, 0, size.width, size.height);
  context.drawImage(bitmap, from.x, from.y, from.width, from.height, 0, 0, size.width, size.height);
  const blob = await new Promise<Blob | null>((resolve) => {
    canvas.toBlob(resolve, 'image/jpeg', 0.86);
  });
  if (!blob) throw new Error('This picture could not be made smaller.');
  return blob;
}

function toDataUrl(blob: Blob): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}
