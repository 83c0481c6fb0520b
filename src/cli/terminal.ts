type Variables = Readonly<Record<string, string | undefined>>;

/** How a terminal shows text. */
export interface TerminalStyle {
  readonly isColoured: boolean;
  readonly isAscii: boolean;
}

/** Each mark of ours, and what stands for it where only ASCII is shown. All take one column. */
const asciiMarks: Readonly<Record<string, string>> = {
  '–': '-',
  '…': '~',
  '×': 'x',
  '✓': '+',
  '↓': 'v',
  '→': '>',
  '·': '.',
  '○': 'o',
  '‖': '=',
  '“': '"',
  '”': '"',
  '’': "'",
};

/**
 * Chooses how to show text: in colour on a terminal, unless NO_COLOR (no-color.org) is set, and in
 * ASCII on a terminal whose locale has no UTF-8. Elsewhere text is UTF-8 without colour, so that
 * programs always read the same.
 */
export function chooseStyle(isTerminal: boolean, variables: Variables): TerminalStyle {
  const { LC_ALL, LC_CTYPE, LANG, NO_COLOR, TERM } = variables;
  const locale = [LC_ALL, LC_CTYPE, LANG].find((value) => value !== undefined && value !== '');
  return {
    isColoured: isTerminal && !NO_COLOR && TERM !== 'dumb',
    isAscii: isTerminal && !/utf-?8/i.test(locale ?? ''),
  };
}

export function toAscii(text: string): string {
  return text.replace(/[–…×✓↓→·○‖“”’]/g, (mark) => asciiMarks[mark] ?? mark);
}
