/** The content types of pictures that are shown to people: raster images, which run no scripts. */
export const pictureTypes = [
  'image/png',
  'image/jpeg',
  'image/gif',
  'image/webp',
  'image/avif',
] as const;
export type PictureType = (typeof pictureTypes)[number];

/** The first bytes of raster images, as latin1 text; `?` stands for any byte. */
const signatures: readonly (readonly [type: PictureType, signature: string])[] = [
  ['image/png', '\x89PNG\r\n\x1a\n'],
  ['image/jpeg', '\xff\xd8\xff'],
  ['image/gif', 'GIF87a'],
  ['image/gif', 'GIF89a'],
  ['image/webp', 'RIFF????WEBP'],
  ['image/avif', '????ftypavif'],
];

/**
 * Returns the content type of a raster image by its first bytes, and not by its name. Undefined
 * for everything else: an SVG or an HTML file could run scripts.
 */
export function findPictureType(bytes: Uint8Array): PictureType | undefined {
  const head = String.fromCharCode(...bytes.subarray(0, 16));
  return signatures.find(([, signature]) =>
    [...signature].every((byte, index) => byte === '?' || head[index] === byte),
  )?.[0];
}
