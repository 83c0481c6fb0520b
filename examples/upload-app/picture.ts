import { randomUUID } from 'node:crypto';
import { rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';

/** The directory that is kept in sync, below the root. */
export const PHOTOS = 'uploads/photos';

const EXTENSIONS: Readonly<Record<string, string>> = { jpeg: '.jpg', png: '.png', webp: '.webp' };

/** The upload is none of the pictures we take; the message is for the visitor. */
export class NotAPicture extends Error {
  override readonly name = 'NotAPicture';
}

/**
 * A name of our own for an uploaded file. What the browser said of its name and type is the
 * visitor's word: it decides nothing, the bytes do.
 */
export async function namePicture(file: string): Promise<string> {
  const found = await sharp(file)
    .metadata()
    .catch(() => undefined);
  const extension = EXTENSIONS[found?.format ?? ''];
  if (extension === undefined)
    throw new NotAPicture('That is no picture we know: choose a JPEG, PNG or WebP file.');
  return `${PHOTOS}/${randomUUID()}${extension}`;
}

export function thumbnailOf(picture: string): string {
  return picture.replace(/\.\w+$/, '.thumb.jpg');
}

/**
 * Written under a name that is excluded and then renamed: nobody, visitor or other host, ever sees
 * half of it.
 */
export async function makeThumbnail(root: string, picture: string): Promise<void> {
  const thumbnail = join(root, thumbnailOf(picture));
  await sharp(join(root, picture))
    .autoOrient()
    .resize(320, 240, { fit: 'cover' })
    .jpeg({ quality: 80 })
    .toFile(`${thumbnail}.tmp`);
  await rename(`${thumbnail}.tmp`, thumbnail);
}

/** Bytes of a file on this host; undefined where it is not here (yet). */
export async function sizeOf(root: string, path: string): Promise<number | undefined> {
  return stat(join(root, path)).then(
    ({ size }) => size,
    () => undefined,
  );
}
