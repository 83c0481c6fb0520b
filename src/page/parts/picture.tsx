import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { texts } from '../texts.js';

const maxPictureBytes = 10 * 1024 * 1024;

/** Whether a file may be a picture that is shown. The router decides by its bytes. */
export function isPicturePath(path: string, size: number): boolean {
  return /\.(?:jpe?g|png|gif|webp|avif)$/i.test(path) && size <= maxPictureBytes;
}

/** Where the bytes are no picture, nothing is shown. */
export function Picture({ address }: { address: string }): JSX.Element | null {
  const [isBroken, setBroken] = useState(false);
  if (isBroken) return null;
  return (
    <img
      class="shot"
      src={address}
      alt={texts.preview}
      loading="lazy"
      onError={() => {
        setBroken(true);
      }}
    />
  );
}
