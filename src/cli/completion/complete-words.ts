import type { Argument, Command, Option } from 'commander';

/** A word that may follow, and its meaning. */
export interface Candidate {
  readonly value: string;
  readonly about: string;
}

/** Values that only the database or the disk knows. */
type ValueKind = 'hosts' | 'sync dirs' | 'runs' | 'files';

/** What may stand at the end of a command line. */
export interface Completion {
  readonly candidates: readonly Candidate[];
  /** Which values may follow as well, and the part of the word that precedes them: `--host=`. */
  readonly values?: { readonly kind: ValueKind; readonly before: string };
}

/** The kind of a value by its placeholder in the help. */
const kinds: Readonly<Partial<Record<string, ValueKind>>> = {
  host: 'hosts',
  hosts: 'hosts',
  'sync-dir': 'sync dirs',
  'sync-dirs': 'sync dirs',
  id: 'runs',
  path: 'files',
  file: 'files',
  key: 'files',
  root: 'files',
  'state-dir': 'files',
  'env-file': 'files',
  dir: 'sync dirs',
};

/**
 * Finds the words that may follow, from the definitions of the commands.
 *
 * @param words those after the name of the program; the last one is being written, and may be empty
 */
export function completeWords(program: Command, words: readonly string[]): Completion {
  const given = joinAssignments(words);
  const current = given.at(-1) ?? '';
  let command = program,
    position = 0,
    awaiting: Option | undefined,
    hasEndedOptions = false;
  for (const word of given.slice(0, -1)) {
    if (awaiting) awaiting = undefined;
    else if (word === '--') hasEndedOptions = true;
    else if (word.startsWith('-') && !hasEndedOptions)
      awaiting = findOptionThatWaits(command, word);
    else {
      const next = command.commands.find(
        (one) => one.name() === word || one.aliases().includes(word),
      );
      if (next) [command, position] = [next, 0];
      else position++;
    }
  }
  if (awaiting) return completeValue(awaiting, '', current);
  if (current.startsWith('-') && !hasEndedOptions) return completeOption(command, current);
  const subcommands = position === 0 ? listSubcommands(command) : [];
  const owner = subcommands.length > 0 ? (findDefault(command) ?? command) : command;
  const argument = findArgument(owner, position);
  const values = argument ? completeValue(argument, '', current) : { candidates: [] };
  return {
    ...values,
    candidates: [...keepMatching(subcommands, current), ...values.candidates],
  };
}

/** Bash splits `--host=web1` into three words. */
function joinAssignments(words: readonly string[]): string[] {
  const joined: string[] = [];
  for (const word of words) {
    const last = joined.at(-1);
    if (last?.startsWith('--') && (word === '=' || (last.endsWith('=') && !word.startsWith('-'))))
      joined[joined.length - 1] = last + word;
    else joined.push(word);
  }
  return joined;
}

function findOptionThatWaits(command: Command, word: string): Option | undefined {
  if (word.includes('=')) return undefined;
  return listOptions(command).find(
    (option) => (option.long === word || option.short === word) && option.required,
  );
}

function completeOption(command: Command, current: string): Completion {
  const [name = '', value] = current.split(/=(.*)/s, 2);
  const options = listOptions(command);
  if (value === undefined)
    return {
      candidates: keepMatching(
        options.flatMap(({ long, description }) =>
          long ? [{ value: long, about: description }] : [],
        ),
        current,
      ),
    };
  const option = options.find(({ long }) => long === name);
  return option ? completeValue(option, `${name}=`, current) : { candidates: [] };
}

function completeValue(of: Option | Argument, before: string, current: string): Completion {
  if (of.argChoices)
    return {
      candidates: keepMatching(
        of.argChoices.map((choice) => ({ value: before + choice, about: '' })),
        current,
      ),
    };
  // Only --dir names a sync dir; other options with `<dir>` name directories of this machine.
  const placeholder = 'flags' in of ? nameValue(of) : of.name();
  const kind = kinds[placeholder];
  return { candidates: [], ...(kind && { values: { kind, before } }) };
}

function nameValue({ long, flags }: Option): string {
  const own = long?.slice(2) ?? '';
  return kinds[own] ? own : (/<([\w-]+)>/.exec(flags)?.[1] ?? '');
}

function listSubcommands(command: Command): Candidate[] {
  return command
    .createHelp()
    .visibleCommands(command)
    .map((one) => ({ value: one.name(), about: one.description() }));
}

/** The options of a command, of its default subcommand, and of the commands above it. */
function listOptions(command: Command): readonly Option[] {
  const owners = [command, findDefault(command)];
  for (let above = command.parent; above; above = above.parent) owners.push(above);
  const options = owners.flatMap((owner) =>
    owner ? owner.createHelp().visibleOptions(owner) : [],
  );
  return options.filter(
    (option, index) => options.findIndex(({ long }) => long === option.long) === index,
  );
}

/** The command that `hosts` alone stands for. Commander does not tell it otherwise. */
function findDefault(command: Command): Command | undefined {
  const name = (command as Command & { _defaultCommandName?: string | null })._defaultCommandName;
  return command.commands.find((one) => one.name() === name);
}

function findArgument(command: Command, position: number): Argument | undefined {
  const { registeredArguments } = command;
  const last = registeredArguments.at(-1);
  return registeredArguments[position] ?? (last?.variadic ? last : undefined);
}

function keepMatching(candidates: readonly Candidate[], current: string): Candidate[] {
  return candidates.filter(({ value }) => value.startsWith(current));
}
