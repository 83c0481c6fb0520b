import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Benchmark, Result, Table } from './benchmark.js';

/** What one run of a benchmark came to, and under which circumstances. */
export interface Recorded extends Result {
  readonly title: string;
  readonly at: string;
  readonly server: string;
  readonly machine: string;
  /** The load average of the minute before it began, and how many processors share it. */
  readonly load: string;
  readonly seconds: number;
}

const recordsFile = fileURLToPath(new URL('results.json', import.meta.url));
const notesFile = fileURLToPath(new URL('notes.md', import.meta.url));
const resultsFile = fileURLToPath(new URL('RESULTS.md', import.meta.url));

/** Keeps the newest run of each benchmark, and writes RESULTS.md from them. */
export function record(benchmarks: readonly Benchmark[], number: number, run: Recorded): void {
  const records = existsSync(recordsFile)
    ? (JSON.parse(readFileSync(recordsFile, 'utf8')) as Record<string, Recorded>)
    : {};
  records[String(number)] = run;
  writeFileSync(recordsFile, `${JSON.stringify(records, undefined, 1)}\n`);
  const notes = existsSync(notesFile) ? readFileSync(notesFile, 'utf8').trim() : '';
  const sections = benchmarks.map((benchmark) =>
    section(benchmark, records[String(benchmark.number)]),
  );
  const parts = [heading, goals(benchmarks, records), ...(notes ? [notes] : []), ...sections];
  writeFileSync(resultsFile, `${parts.join('\n\n')}\n`);
}

const heading = `# What it costs

Written by \`npm run bench\` (\`-- --only N\` runs one benchmark). Each section is the newest run of
its benchmark; \`bench/notes.md\` has the explanations. Compare figures within one section only: they
were measured side by side on one machine.`;

function goals(
  benchmarks: readonly Benchmark[],
  records: Readonly<Record<string, Recorded>>,
): string {
  const rows = benchmarks.flatMap(({ number }) =>
    (records[String(number)]?.goals ?? []).map(({ goal, measured, met }) => [
      String(number),
      goal,
      measured,
      met === undefined ? 'not shown' : met ? 'yes' : '**no**',
    ]),
  );
  return `## Goals\n\n${format({ head: ['', 'goal', 'measured', 'met'], rows })}`;
}

function section({ number, title }: Benchmark, run: Recorded | undefined): string {
  const head = `## ${String(number)}. ${title}`;
  if (!run) return `${head}\n\nNot run.`;
  const how =
    `${run.at}, ${run.machine}; database: ${run.server}; ${run.load}; it took ` +
    `${String(Math.round(run.seconds))} s. Sizes: ${run.sizes}.`;
  return [head, how, ...run.tables.map(format), ...run.notes].join('\n\n');
}

export function format({ head, rows }: Table): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
