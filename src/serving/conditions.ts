import type { IncomingHttpHeaders } from 'node:http';

/**
 * Returns the request headers without conditions that could mistake one version of a file for
 * another.
 *
 * Only an ETag identifies the content. A date has whole seconds, so two versions may share it. A
 * version that was restored, was delayed, or was written on a host with another clock may even
 * have an older date than its predecessor. `If-Modified-Since` is therefore dropped. A range is
 * served only if the visitor names the exact tag of these bytes, or sets no condition.
 *
 * @param tag the ETag of the content, if it is known
 */
export function keepExactConditions(
  headers: IncomingHttpHeaders,
  tag: string | undefined,
): IncomingHttpHeaders {
  const { 'if-modified-since': _date, 'if-range': ifRange, range, ...rest } = headers;
  return range !== undefined && isRangeWanted(headers, ifRange, tag) ? { ...rest, range } : rest;
}

/**
 * Whether the request names an ETag, so that the tag of the content decides how much of it is
 * sent.
 */
export function namesTag(headers: IncomingHttpHeaders): boolean {
  const { 'if-range': ifRange } = headers;
  return (
    headers['if-none-match'] !== undefined ||
    headers['if-match'] !== undefined ||
    (typeof ifRange === 'string' && ifRange.includes('"'))
  );
}

function isRangeWanted(
  headers: IncomingHttpHeaders,
  ifRange: string | string[] | undefined,
  tag: string | undefined,
): boolean {
  if (ifRange !== undefined) return tag !== undefined && !tag.startsWith('W/') && ifRange === tag;
  // `If-Unmodified-Since` does not apply beside `If-Match` (RFC 9110, section 13.2.2).
  return headers['if-match'] !== undefined || headers['if-unmodified-since'] === undefined;
}
