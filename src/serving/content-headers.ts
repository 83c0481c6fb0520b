import type { ServerResponse } from 'node:http';

/** Image formats that cannot contain scripts. */
const RASTER = new Set([
  'image/png',
  'image/apng',
  'image/jpeg',
  'image/gif',
  'image/webp',
  'image/avif',
  'image/bmp',
  'image/x-ms-bmp',
  'image/tiff',
  'image/heic',
  'image/heif',
  'image/heic-sequence',
  'image/heif-sequence',
  'image/jxl',
  'image/vnd.microsoft.icon',
  'image/x-icon',
]);
const INERT = new Set(['application/pdf', 'text/plain']);
/**
 * Types that can run scripts when a browser opens their address, by themselves or through a
 * stylesheet in them.
 */
const ACTIVE = new Set([
  'text/html',
  'application/xhtml+xml',
  'text/xml',
  'application/xml',
  'application/xml-dtd',
  'text/xsl',
  'text/mathml',
  'text/javascript',
  'application/javascript',
  'application/ecmascript',
  'text/ecmascript',
  'application/node',
  'text/vbscript',
  'text/cache-manifest',
  'message/rfc822',
  'multipart/related',
  'application/x-shockwave-flash',
  'application/java-archive',
]);

/**
 * Keeps uploads from running scripts in the app's origin, which serves them.
 *
 * Everything but images, audio, video, PDF and plain text gets a sandbox without permissions. A
 * browser downloads active types instead of opening them.
 *
 * @param trusted content types that are left as they are
 */
export function protectOrigin(response: ServerResponse, trusted: ReadonlySet<string>): void {
  response.setHeader('X-Content-Type-Options', 'nosniff');
  const type = readMediaType(response);
  if (trusted.has(type) || isInert(type)) return;
  response.setHeader('Content-Security-Policy', "sandbox; default-src 'none'");
  if (ACTIVE.has(type) || type.endsWith('+xml'))
    response.setHeader('Content-Disposition', 'attachment');
}

function isInert(type: string): boolean {
  return (
    RASTER.has(type) || INERT.has(type) || type.startsWith('audio/') || type.startsWith('video/')
  );
}

function readMediaType(response: ServerResponse): string {
  const [type = ''] = String(response.getHeader('Content-Type')).split(';');
  return type.trim().toLowerCase();
}
