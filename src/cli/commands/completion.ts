import { Argument, type Command } from 'commander';
import type { SyncMedia } from '../../api/sync-media.js';
import { withTimeout } from '../../util/with-timeout.js';
import type { RunCommand } from '../command-context.js';
import { completeWords, type Completion } from '../completion/complete-words.js';
import { makeShellScript, shells, type Shell } from '../completion/shell-scripts.js';
import type { Screen } from '../screen.js';

/** How long the key TAB may wait for the database. In milliseconds. */
const valuesMs = 2_000;

export function addCompletionCommands(
  program: Command,
  runCommand: RunCommand,
  screen: Screen,
): void {
  program
    .command('completion')
    .description('Prints the script that completes commands in a shell.')
    .addArgument(new Argument('<shell>').choices(shells))
    .action((shell: Shell) => {
      const [node = '', file = ''] = process.argv;
      screen.printRaw(makeShellScript(shell, [node, file]));
    });
  program
    .command('complete', { hidden: true })
    .description('Prints the words that may follow; called by these scripts.')
    .argument('[words...]')
    .action(async (words: string[]) => {
      const completion = completeWords(program, words);
      const values = await listValues(completion, words, program, runCommand);
      screen.printRaw([...completion.candidates.map(formatCandidate), ...values].join(''));
      // A connection that is still being tried would keep the shell waiting.
      process.exit();
    });
}

function formatCandidate({ value, about }: Completion['candidates'][number]): string {
  return `${value}\t${about.split('\n')[0] ?? ''}\n`;
}

async function listValues(
  { values }: Completion,
  words: readonly string[],
  program: Command,
  runCommand: RunCommand,
): Promise<string[]> {
  if (!values) return [];
  const { kind, before } = values;
  if (kind === 'files') return [':files\n'];
  for (const [option, name] of [
    ['--env-file', 'envFile'],
    ['--state-dir', 'stateDir'],
  ] as const)
    program.setOptionValue(name, findOptionValue(words, option));
  const found: string[] = [];
  const reading = runCommand(program, async ({ sync }) => {
    found.push(...(await readValues(sync, kind)));
    return 0;
  });
  // Without a database nothing is offered.
  await withTimeout(reading, valuesMs, 'the database').catch(() => undefined);
  const current = words.at(-1) ?? '';
  const begun = current.startsWith(before) ? current.slice(before.length) : current;
  return found
    .filter((value) => value.startsWith(begun) && !/\p{Cc}/u.test(value))
    .map((value) => `${before}${value}\t\n`);
}

async function readValues(
  sync: SyncMedia,
  kind: 'hosts' | 'sync dirs' | 'runs',
): Promise<string[]> {
  if (kind === 'hosts') return (await sync.hosts.list()).map(({ hostname }) => hostname);
  if (kind === 'runs') return (await sync.runs.list(20)).map(({ id }) => id);
  return (await sync.status()).syncDirs.map(({ path }) => path);
}

function findOptionValue(words: readonly string[], option: string): string | undefined {
  const at = words.findIndex((word) => word === option || word.startsWith(`${option}=`));
  const word = words[at];
  const value = word === option ? words[at + 1] : word?.slice(option.length + 1);
  // The shell has not replaced it in a line that is being written.
  return value?.replace(/^~(?=\/)/, process.env.HOME ?? '~');
}
