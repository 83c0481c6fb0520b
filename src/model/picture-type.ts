/** The content types of pictures that are shown to people: raster images, which run no scripts. */
export const pictureTypes = [
  'image/png',
  'image/jpeg',
  'image/gif',
  'image/webp',
  'image/avif',
] as const;
export type PictureType = (typeof pictureTypes)[number];
