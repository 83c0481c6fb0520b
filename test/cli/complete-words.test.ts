import { describe, expect, test } from 'vitest';
import { completeWords } from '../../src/cli/completion/complete-words.js';
import { createProgram } from '../../src/cli/program.js';
import { Screen } from '../../src/cli/screen.js';

const program = createProgram(() => Promise.resolve(), new Screen(process.stdout, process.stderr));
const complete = (line: string): string[] =>
  completeWords(program, line.split(' ')).candidates.map(({ value }) => value);
const completeValues = (line: string): unknown => completeWords(program, line.split(' ')).values;

describe('completion', () => {
  test('offers commands, with what they do', () => {
    expect(complete('ho')).toEqual(['hosts']);
    expect(complete('')).toEqual(expect.arrayContaining(['init', 'status', 'help']));
    expect(complete('')).not.toContain('complete');
    expect(completeWords(program, ['pus']).candidates).toEqual([
      { value: 'push', about: expect.stringMatching(/./) as string },
    ]);
  });

  test('offers every command that the help shows', () => {
    const shown = program.createHelp().visibleCommands(program);
    expect(complete('')).toEqual(shown.map((command) => command.name()));
  });

  test('offers subcommands, and after them their arguments', () => {
    expect(complete('hosts ')).toEqual(expect.arrayContaining(['list', 'show', 'add', 'edit']));
    expect(completeValues('hosts show ')).toEqual({ kind: 'hosts', before: '' });
    expect(completeValues('runs cancel ')).toEqual({ kind: 'runs', before: '' });
    expect(completeValues('approve web1 we')).toEqual({ kind: 'hosts', before: '' });
    expect(completeValues('where Photo ')).toBeUndefined();
    expect(completeValues('removals approve ')).toEqual({ kind: 'sync dirs', before: '' });
    expect(completeValues('hosts show web1 ')).toBeUndefined();
  });

  test('offers options of the command, of its default, and of all commands', () => {
    expect(complete('push --')).toEqual(
      expect.arrayContaining(['--host', '--dir', '--dry-run', '--json', '--env-file']),
    );
    expect(complete('runs --li')).toEqual(['--limit']);
    expect(complete('push --js')).toEqual(['--json']);
    expect(complete('status --host')).toEqual([]);
  });

  test('offers the values of an option in either form', () => {
    expect(complete('hosts edit web1 --status ')).toEqual(['approved', 'paused']);
    expect(complete('hosts edit web1 --status=p')).toEqual(['--status=paused']);
    expect(completeValues('push --host ')).toEqual({ kind: 'hosts', before: '' });
    expect(completeValues('push --host=we')).toEqual({ kind: 'hosts', before: '--host=' });
    expect(completeValues('push --dir ')).toEqual({ kind: 'sync dirs', before: '' });
    expect(completeValues('--env-file ')).toEqual({ kind: 'files', before: '' });
    expect(completeValues('--state-dir ')).toEqual({ kind: 'files', before: '' });
    expect(complete('completion ')).toEqual(['bash', 'zsh', 'fish']);
  });

  test('joins the words into which bash splits an assignment', () => {
    expect(completeWords(program, ['push', '--host', '=', 'we']).values).toEqual({
      kind: 'hosts',
      before: '--host=',
    });
    expect(completeWords(program, ['push', '--host', '=', 'web1', '']).candidates).toEqual([]);
  });

  test('takes the value of an option for no command', () => {
    expect(complete('--state-dir push ho')).toEqual(['hosts']);
    expect(completeValues('hosts --env-file x show ')).toEqual({ kind: 'hosts', before: '' });
  });

  test('survives any words', () => {
    for (const line of ['-', '--=', '-- -', '= = =', 'no such command ', '--no-such=1 '])
      expect(() => complete(line)).not.toThrow();
  });
});
