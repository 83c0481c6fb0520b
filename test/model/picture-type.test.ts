import { expect, test } from 'vitest';
import { findPictureType } from '../../src/model/picture-type.js';

test.each([
  ['image/png', '\x89PNG\r\n\x1a\n\0\0\0\rIHDR'],
  ['image/jpeg', '\xff\xd8\xff\xe0\0\x10JFIF'],
  ['image/gif', 'GIF89a\x01\0'],
  ['image/webp', 'RIFF\x24\0\0\0WEBPVP8 '],
  ['image/avif', '\0\0\0\x20ftypavif'],
])('%s is known by its first bytes', (type, bytes) => {
  expect(findPictureType(Buffer.from(bytes, 'latin1'))).toBe(type);
});

test.each([
  ['an SVG', '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'],
  ['an HTML file', '<!doctype html>'],
  ['a text with a signature later', ' \x89PNG\r\n\x1a\n'],
  ['the begin of a signature', 'RIFF'],
  ['another kind of RIFF', 'RIFF\x24\0\0\0WAVEfmt '],
  ['nothing', ''],
])('%s is no picture', (_, bytes) => {
  expect(findPictureType(Buffer.from(bytes, 'latin1'))).toBeUndefined();
});
