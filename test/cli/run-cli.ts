import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { compileProgram } from '../harness/compile.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const main = new URL('../../src/cli/main.ts', import.meta.url);

export interface CliResult {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface CliOptions {
  env?: Record<string, string>;
  /**
   * On a terminal of its own, made by `script`: everything it shows is in stdout, and stdin stays
   * open. Default false.
   */
  terminal?: boolean;
  /** Told once it runs. */
  onStart?: (child: ChildProcess) => void;
  /** Told what stderr (on a terminal: stdout) holds so far, whenever it grew. */
  onStderr?: (text: string, child: ChildProcess) => void;
}

/**
 * The real command line, as a process of its own, without any SYNCMEDIA_ variable of the tests'
 * environment.
 */
export function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const inherited = Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^(SYNCMEDIA_|PATH_RSA$|NODE_OPTIONS$|VITEST)/.test(name),
    ),
  );
  const command = [process.execPath, compileProgram(main), ...args];
  const [program = '', ...argv] = options.terminal
    ? ['script', '-qefc', command.map(quote).join(' '), '/dev/null']
    : command;
  const child = spawn(program, argv, {
    cwd: root,
    env: { ...inherited, ...(options.terminal && { LC_ALL: 'C.UTF-8' }), ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  return new Promise((resolve, reject) => {
    const output = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => {
        output[name] += text;
        if (name === (options.terminal ? 'stdout' : 'stderr'))
          options.onStderr?.(output[name], child);
      });
    }
    child.on('error', reject).on('close', (code, signal) => {
      resolve({ code, signal, ...output });
    });
    child.stdin.on('error', () => undefined);
    if (!options.terminal) child.stdin.end();
    options.onStart?.(child);
  });
}

const quote = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;
