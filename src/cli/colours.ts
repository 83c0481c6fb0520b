/** What a colour says. Words say the same, so nothing is lost without it. */
export type Colour = 'good' | 'bad' | 'busy' | 'dim';

/** Chooses the colour of a cell of a table. */
export type PaintCell = (heading: string, cell: string) => Colour | undefined;

/** The parameter of SGR (ECMA-48) for each colour. */
const sgr: Readonly<Record<Colour, number>> = { good: 32, bad: 31, busy: 33, dim: 2 };

/**
 * Noncharacters, which no text has. Escape sequences would be escaped like those in file names,
 * so the screen puts them in at the end.
 */
const begins: Readonly<Record<Colour, string>> = {
  good: '\ufdd0',
  bad: '\ufdd1',
  busy: '\ufdd2',
  dim: '\ufdd3',
};
const end = '\ufddf';
const marks = /[\ufdd0-\ufdef]/g;

/** Marks a text to be shown in a colour. */
export function paint(text: string, colour: Colour | undefined): string {
  return colour === undefined ? text : `${begins[colour]}${text}${end}`;
}

/** Removes such marks from a text of others, such as a file name. */
export function removeMarks(text: string): string {
  return text.replace(marks, '\ufffd');
}

/** Turns the marks into colours, or drops them. */
export function renderColours(text: string, isColoured: boolean): string {
  return text.replace(marks, (mark) => {
    if (!isColoured) return '';
    if (mark === end) return '\x1b[0m';
    const colour = Object.entries(begins).find(([, begin]) => begin === mark)?.[0];
    return colour === undefined ? '' : `\x1b[${String(sgr[colour as Colour])}m`;
  });
}
