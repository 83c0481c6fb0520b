import type { IncomingHttpHeaders } from 'node:http';

/**
 * The headers of a request as far as they may decide that a visitor has the file already, or a part of it.
 *
 * Only a tag can decide that. A date has whole seconds, so two versions may share it; and a version that was restored, was delayed or was
 * written on a host with another clock may be older than the one before. Therefore `If-Modified-Since` is ignored, and a part is sent only to a
 * visitor who names the exact tag of these bytes, or who sets no condition.
 *
 * @param tag the ETag of what would be sent, where it is known
 */
export function keepExactConditions(headers: IncomingHttpHeaders, tag: string | undefined): IncomingHttpHeaders {
  const { 'if-modified-since': _date, 'if-range': ifRange, range, ...kept } = headers;
  return range !== undefined && isPartWanted(headers, ifRange, tag) ? { ...kept, range } : kept;
}

/** Whether the tag of what would be sent decides how much of it is sent. */
export function namesTag(headers: IncomingHttpHeaders): boolean {
  const { 'if-range': ifRange } = headers;
  return headers['if-none-match'] !== undefined || headers['if-match'] !== undefined || (typeof ifRange === 'string' && ifRange.includes('"'));
}

function isPartWanted(headers: IncomingHttpHeaders, ifRange: string | string[] | undefined, tag: string | undefined): boolean {
  if (ifRange !== undefined) return tag !== undefined && !tag.startsWith('W/') && ifRange === tag;
  // With `If-Match` the tag decides, and the date does not count.
  return headers['if-match'] !== undefined || headers['if-unmodified-since'] === undefined;
}
