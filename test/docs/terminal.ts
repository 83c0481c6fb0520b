import { spawn } from 'node:child_process';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { compileProgram } from '../harness/compile.js';

const main = new URL('../../src/cli/main.ts', import.meta.url);

export interface TerminalResult {
  readonly code: number | null;
  /** What the terminal shows in the end: progress lines that were replaced are gone. */
  readonly shown: string;
}

/** Makes a folder for the PATH in which `npx syncmedia` is the command line of this checkout. */
export async function makeNpx(folder: string): Promise<void> {
  const file = join(folder, 'npx');
  const program = compileProgram(main);
  await writeFile(
    file,
    `#!/bin/sh\n[ "$1" = syncmedia ] || exit 127\nshift\nexec '${process.execPath}' '${program}' "$@"\n`,
  );
  await chmod(file, 0o755);
}

/**
 * Runs a shell line on a terminal of 100 columns, which `script` makes, and answers each question
 * with yes.
 */
export function runOnTerminal(
  line: string,
  { cwd, env }: { cwd: string; env: Readonly<Record<string, string>> },
): Promise<TerminalResult> {
  const inherited = Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^(SYNCMEDIA_|PATH_RSA$|NODE_OPTIONS$|VITEST)/.test(name),
    ),
  );
  const child = spawn('script', ['-qefc', `stty cols 100; ${line}`, '/dev/null'], {
    cwd,
    env: { ...inherited, SHELL: '/bin/sh', LC_ALL: 'C.UTF-8', ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  return new Promise((resolve, reject) => {
    let text = '';
    let answered = 0;
    child.stdout.setEncoding('utf8').on('data', (part: string) => {
      text += part;
      const asked = text.split('[no]: ').length - 1;
      for (; answered < asked; answered++) child.stdin.write('yes\n');
    });
    child.stdin.on('error', () => undefined);
    child.on('error', reject).on('close', (code) => {
      resolve({ code, shown: renderTerminal(text) });
    });
  });
}

/** What a terminal shows after this output, by the few controls that the command line uses. */
export function renderTerminal(output: string): string {
  return output
    .replaceAll('\r\n', '\n')
    .split('\n')
    .map((line) => renderLine(line).trimEnd())
    .join('\n')
    .trimEnd();
}

/** Obeys a carriage return, a move to a column, and an erasure of the rest of the line. */
function renderLine(line: string): string {
  let shown: string[] = [];
  let column = 0;
  for (const [token] of line.matchAll(/\x1b\[[0-9;?]*[A-Za-z]|[^]/gu)) {
    const move = /^\x1b\[(\d*)G$/.exec(token);
    if (token === '\r') column = 0;
    else if (move) column = Number(move[1] || 1) - 1;
    else if (/^\x1b\[0?[JK]$/.test(token)) shown = shown.slice(0, column);
    else if (!token.startsWith('\x1b')) shown[column++] = token;
  }
  return Array.from(shown, (character) => character ?? ' ').join('');
}

/**
 * The shape of an output: the headings of its tables, the names of its pairs, and the first word
 * of every other line. Values differ from site to site.
 */
export function describeShape(output: string): string[] {
  const shapes = output
    .split('\n')
    // Whether a table fits depends on the names of its site.
    .filter((line) => line.trim() !== '' && !line.startsWith('Shortened to fit;'))
    .map((line) => {
      const cells = line.trim().split(/ {2,}/);
      const [first = ''] = cells;
      if (/^[A-Z]+( [A-Z]+)*$/.test(first)) return cells.join(' | ');
      if (cells.length === 2) return `${blank(first)} |`;
      return cells.length > 2 ? `row of ${String(cells.length)}` : blank(line);
    });
  // A table has as many rows as its site has things to list.
  return shapes.filter((shape, index) => shape !== shapes[index - 1]);
}

/** Replaces values of a site: ids, numbers, fingerprints, paths, and the names of kept files. */
function blank(text: string): string {
  return text
    .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'ID')
    .replaceAll(/SHA256:\S+/g, 'FINGERPRINT')
    .replaceAll(/\S+@[\w.:]+/g, 'ADDRESS')
    .replaceAll(/\S*\/\S*/g, 'PATH')
    .replaceAll(/\d+/g, 'N');
}
