import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { listDocsPages, rootDir } from './pages.js';
import { describeShape } from './terminal.js';

/** An output on a page: a text block after a comment that names its command. */
const output = /<!-- output: (.+) -->\n\n```text\n([\s\S]*?)```\n/g;

export interface PageOutput {
  readonly page: string;
  readonly line: string;
  readonly text: string;
}

export function listOutputs(): PageOutput[] {
  return listDocsPages().flatMap(({ file, text }) =>
    [...text.matchAll(output)].map(([, line = '', shown = '']) => ({
      page: file,
      line,
      text: shown,
    })),
  );
}

/**
 * Compares what a command printed with the pages that show its output. With RECORD_DOCS=1 the
 * pages get the new output instead.
 */
export async function expectOutput(line: string, shown: string): Promise<void> {
  const isRecording = process.env['RECORD_DOCS'] === '1';
  for (const { page, text, line: shownFor } of listOutputs()) {
    if (shownFor !== line) continue;
    if (isRecording && page.startsWith('docs/commands/')) await record(page, line, shown);
    else expect(describeShape(shown), `${page}: ${line}\n${shown}`).toEqual(describeShape(text));
  }
}

async function record(page: string, line: string, shown: string): Promise<void> {
  const file = join(rootDir, page);
  const text = await readFile(file, 'utf8');
  await writeFile(
    file,
    text.replaceAll(output, (block, shownFor: string) =>
      shownFor === line ? `<!-- output: ${line} -->\n\n\`\`\`text\n${shown}\n\`\`\`\n` : block,
    ),
  );
}
