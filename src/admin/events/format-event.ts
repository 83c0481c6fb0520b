import type { LiveEvents } from '../../api/live-events.js';

/** Formats a server-sent event. JSON contains no line ends, so its data is one line. */
export function formatEvent<K extends keyof LiveEvents>(
  name: K,
  data: LiveEvents[K],
  id?: string,
): string {
  const idLine = id === undefined ? '' : `id: ${id}\n`;
  return `event: ${name}\n${idLine}data: ${JSON.stringify(data)}\n\n`;
}
