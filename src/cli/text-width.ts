/**
 * Characters that take two columns, or may: East Asian wide and fullwidth ones, and pictographs.
 * Whole blocks count as wide where most of their characters are.
 */
const wide =
  /[\u1100-\u115f\u2329-\u232a\u2630-\u2637\u268a-\u268f\u2e80-\ua4cf\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\ufe10-\ufe1f\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{16fe0}-\u{1b2ff}\u{1d300}-\u{1d37f}\u{1f000}-\u{1fbff}\u{20000}-\u{3fffd}]|\p{Extended_Pictographic}|\p{Emoji_Presentation}/u;
const combining = /[\p{Mn}\p{Me}\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]/u;
/** After a narrow symbol it asks for the wide, coloured form. */
const emojiSelector = '\ufe0f';

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/**
 * Returns the most columns that a terminal may give to a text. Terminals differ in joined emoji:
 * some draw one picture, others each part of it. So every part counts.
 */
export function measureWidth(text: string): number {
  let width = 0;
  for (const character of text) width += measureCharacter(character);
  return width;
}

/** Shortens a text that takes more than `width` columns: its middle becomes `…`. */
export function shortenMiddle(text: string, width: number): string {
  if (measureWidth(text) <= width) return text;
  if (width < 1) return '';
  const parts = Array.from(graphemes.segment(text), ({ segment }) => segment);
  const tail = takeParts(parts.toReversed(), Math.floor((width - 1) / 2));
  const head = takeParts(parts, width - 1 - measureWidth(tail.join('')));
  return `${head.join('')}…${tail.toReversed().join('')}`;
}

function takeParts(parts: readonly string[], width: number): string[] {
  const taken: string[] = [];
  let left = width;
  for (const part of parts) {
    left -= measureWidth(part);
    if (left < 0) break;
    taken.push(part);
  }
  return taken;
}

function measureCharacter(character: string): number {
  if (character >= ' ' && character <= '~') return 1;
  if (character === emojiSelector) return 1;
  if (combining.test(character)) return 0;
  return wide.test(character) ? 2 : 1;
}
