import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { until } from './wait.js';

const run = promisify(execFile);

/** Why there are no pid namespaces to be had here, for the names of skipped tests. */
export async function namespacesAreMissing(): Promise<string | undefined> {
  if (process.platform !== 'linux') return `${process.platform} has no pid namespaces`;
  if (process.getuid?.() !== 0) return 'only root makes pid namespaces';
  const why = await run('unshare', ['--pid', '--fork', '--mount-proc', 'true'], {
    timeout: 10_000,
  }).then(() => undefined, String);
  return why && `root here may make no pid namespace: ${why}`;
}

/** A process that answers each line with one line. */
export interface Talker {
  readonly child: ChildProcess;
  readonly lines: readonly string[];
  /** Its next line. */
  ask(line: string): Promise<string>;
  endInput(): void;
  /** Ends it, and with it the namespace that was made for it. */
  kill(): Promise<void>;
}

/** Runs a program that `compileProgram` made as a process of its own. */
export function startTalker(
  program: string,
  args: readonly string[] = [],
  environment: Readonly<Record<string, string>> = {},
): Talker {
  return talkTo(process.execPath, [program, ...args], environment);
}

/** The same with pid 6 of a new pid namespace, as the main process of a container often has. */
export function startAsPidSix(program: string, args: readonly string[] = []): Talker {
  // A background job of a shell has no standard input, unless it is told which.
  const four = 'exec 3<&0; for n in 2 3 4 5; do /bin/true; done; "$@" <&3 & wait';
  return talkTo('unshare', [
    '--pid',
    '--fork',
    '--kill-child=KILL',
    '--mount-proc',
    'sh',
    '-c',
    four,
    'sh',
    process.execPath,
    program,
    ...args,
  ]);
}

/** The same in a network namespace, given by its file. */
export function startTalkerIn(namespace: string, program: string): Talker {
  return talkTo('nsenter', [`--net=${namespace}`, process.execPath, program]);
}

export function talkTo(
  command: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Talker {
  const child = spawn(command, args, {
    env: { ...process.env, ...environment },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  const { stdin: input, stdout } = child;
  createInterface({ input: stdout }).on('line', (line) => {
    lines.push(line);
  });
  input.on('error', () => {
    /* It has ended. */
  });
  return {
    child,
    lines,
    async ask(line) {
      const at = lines.length;
      input.write(`${line}\n`);
      return until(
        () =>
          (lines[at] ?? (child.exitCode ?? child.signalCode) !== null)
            ? (lines[at] ?? 'ended')
            : '',
        { timeout: 30_000, what: `an answer to ${line}` },
      );
    },
    endInput() {
      input.end();
    },
    async kill() {
      child.kill('SIGCONT');
      child.kill('SIGKILL');
      await until(() => child.exitCode !== null || child.signalCode !== null);
    },
  };
}
