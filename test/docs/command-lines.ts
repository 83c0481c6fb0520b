import type { Command, Option } from 'commander';
import { createProgram } from '../../src/cli/program.js';
import { Screen } from '../../src/cli/screen.js';
import type { CodeBlock } from './pages.js';

const program = createProgram(() => Promise.resolve(), new Screen(process.stdout, process.stderr));

/**
 * The commands of a shell block: comments are left out, continued lines are joined.
 * @param assignments whether variables that are set before a command stay
 */
export function listCommandLines(
  { page, code }: CodeBlock,
  { assignments = false } = {},
): { page: string; line: string }[] {
  return code
    .replaceAll(/\\\n\s*/g, ' ')
    .split('\n')
    .map((line) => line.replace(/(^|\s)#.*$/, '').trim())
    .map((line) => (assignments ? line : line.replace(/^(?:[A-Z_]+=\S+ )+/, '')))
    .filter((line) => line !== '')
    .map((line) => ({ page, line }));
}

/** Whether the text in backticks is a command of ours: `syncmedia push`, `hosts edit`. */
export function isCommandLine(text: string): boolean {
  if (/^(?:npx |yarn )?syncmedia [a-z-]/.test(text)) return true;
  const [first = '', second] = text.split(' ');
  const command = program.commands.find((one) => one.name() === first);
  return command !== undefined && second !== undefined && /^[a-z-]/.test(second);
}

/** The subcommand that runs where none is named. */
function findDefaultCommand(command: Command): Command | undefined {
  const { _defaultCommandName: name } = command as { _defaultCommandName?: string | null };
  return command.commands.find((one) => one.name() === name);
}

/**
 * What is wrong with a command line, according to the program that users run. `complete` false:
 * a sentence may leave arguments out.
 */
export function findCommandFault(line: string, { complete = true } = {}): string | undefined {
  const words = line
    .replace(/^.*?\bsyncmedia (?=[a-z-])/, '')
    .split(/\s+/)
    .filter((word) => word !== '');
  let command = program;
  const args: string[] = [];
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? '';
    if (word.startsWith('-')) {
      if (word === '--help') continue;
      const option = findOption(command, word);
      if (option === undefined) return `${command.name()} has no option ${word}`;
      if (option.required && !word.includes('=') && words[++index] === undefined && complete)
        return `${word} needs a value`;
    } else {
      const next = args.length === 0 ? findCommand(command, word) : undefined;
      if (next !== undefined) command = next;
      else if (findDefaultCommand(command)?.registeredArguments.length) {
        command = findDefaultCommand(command) ?? command;
        args.push(word);
      } else if (command.commands.length > 0) return `${command.name()} has no command ${word}`;
      else args.push(word);
    }
  }
  const expected = command.registeredArguments;
  const tooMany = args.length > expected.length && expected.at(-1)?.variadic !== true;
  if (tooMany) return `${command.name()} takes no argument ${args[expected.length] ?? ''}`;
  const missing = expected.slice(args.length).find(({ required }) => required);
  return complete && missing !== undefined
    ? `${command.name()} needs <${missing.name()}>`
    : undefined;
}

function findCommand(command: Command, name: string): Command | undefined {
  return command.commands.find((one) => one.name() === name);
}

/** An option of the command, of the one that it runs by default, or of the program. */
function findOption(command: Command, word: string): Option | undefined {
  const [name = ''] = word.split('=');
  const list = findCommand(command, 'list');
  return [command, ...(list ? [list] : []), program]
    .flatMap(({ options }) => options)
    .find(({ long, short }) => name === long || name === short);
}
