import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { SyncMediaError } from '../model/errors.js';
import { chooseOwnDirs } from '../decisions/own-dirs.js';
import { isSafePath } from '../replica/paths.js';
import type { HostId } from '../model/host.js';
import type { Path } from '../model/path.js';
import { withLock } from '../state-dir/file-lock.js';
import { gateProgram } from './gate-program.js';
import { isHostId } from '../model/host-name.js';
import { readPidNamespace } from '../state-dir/process-identity.js';
import { replaceFile } from '../state-dir/replace-file.js';
import type { HostState } from '../state-dir/state.js';
import { describeInstallation } from '../model/packages.js';

/**
 * The gate's rules, a file in the state folder. Only `hosts`, the hosts that may log in, depends
 * on rows of the database.
 */
interface GateRules {
  readonly root: string;
  readonly dirs: readonly Path[];
  readonly hosts: readonly HostId[];
  /** The repository that other hosts may add to, each to its own part. */
  readonly history?: GateHistory;
  /**
   * Where this host's application runs. Connections whose sshd runs elsewhere get a watcher, since
   * the application cannot end them.
   */
  readonly pidNamespace?: string;
}

/** This host's history, as the gate opens it to other hosts. */
export interface GateHistory {
  /** Absolute path of a bare git repository. */
  readonly repository: string;
  readonly maxBytes: number;
  /** Absolute path of a git-annex, which other hosts may add large files to. */
  readonly annex?: string;
}

/** Fixed paths instead of PATH: every process of this host must write the same line. */
const pythonPaths = ['/usr/bin/python3', '/usr/local/bin/python3'] as const;
/** Isolated mode without site packages, and UTF-8 file names regardless of the client's locale. */
const pythonArguments = ['-IS', '-X', 'utf8'];
const gateFileName = 'syncmedia-gate.py';

/** The folder of the gate, its rules and its connection records. */
export function getGateFolder(stateDir: string): string {
  return join(stateDir, 'gate');
}

/**
 * Tries on this machine whether the gate can confine keys.
 * @param stateDir where the gate is put for that; the temporary directory may be read-only
 * @returns a description for people
 * @throws NO_CONFINEMENT naming the missing part
 */
export async function checkGate(stateDir: string, python = findPython()): Promise<string> {
  if (python === undefined)
    throw makeNoConfinementError(
      `Python 3 is missing here, looked for as ${pythonPaths.join(', ')}: ` +
        describeInstallation('python3'),
    );
  const folder = await mkdtemp(join(stateDir, 'check-gate-'));
  try {
    const file = join(folder, gateFileName);
    await writeFile(file, gateProgram, { mode: 0o600 });
    const { code, stdout, stderr } = await runGateCheck(python, file);
    const abi = /^\{"landlock": (\d+), "seccomp": true\}$/m.exec(stdout)?.[1];
    if (code === 0 && abi !== undefined)
      return (
        `the keys of other hosts open the sync dirs and nothing else (Landlock ABI ${abi}, ` +
        `seccomp)`
      );
    const module = /^ModuleNotFoundError: No module named '([\w.]+)'/m.exec(stderr)?.[1];
    if (module !== undefined) throw makeNoConfinementError(describeMissingModule(python, module));
    throw makeNoConfinementError(
      stderr
        .trim()
        .replace(/^syncmedia-gate: /, '')
        .slice(0, 500)
        .replace(/^sftp-server is missing.*/, `$&: ${describeInstallation('sftp-server')}`) ||
        `${python} failed`,
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Formats the forced command for a host's key. A login shell parses it, so every part is quoted
 * or checked.
 * @throws BAD_STATE, BAD_OPTION
 */
export function formatGateCommand(stateDir: string, host: HostId): string {
  const file = join(getGateFolder(stateDir), gateFileName);
  // authorized_keys cannot express a line break, and has its own rules for quotes.
  if (/["\\\r\n\0]/.test(file))
    throw new SyncMediaError(
      'BAD_STATE',
      `${JSON.stringify(stateDir)} cannot be written into authorized_keys: give a state folder ` +
        `without quotes, backslashes and line breaks`,
    );
  if (!isHostId(host))
    throw new SyncMediaError('BAD_OPTION', `${JSON.stringify(host.slice(0, 100))} is no host id`);
  return [
    'exec',
    findPython() ?? pythonPaths[0],
    ...pythonArguments,
    `'${file.replaceAll("'", `'\\''`)}'`,
    host,
  ].join(' ');
}

/**
 * Sets the hosts that the gate lets in, which also applies to open connections. Installs the gate
 * if it is missing or of another version.
 */
export async function setGateHosts(
  stateDir: string,
  state: GateHostState,
  hosts: readonly HostId[],
): Promise<void> {
  await changeGateRules(stateDir, (before) => ({
    ...before,
    hosts: [...hosts].sort(),
    ...computeOpenDirs(state, before, []),
  }));
}

/**
 * Opens sync dirs that this host's app declares to the other hosts, within the host's allow-list.
 * Directories that were opened before stay open until `init` narrows the list, because other
 * processes of this host may declare them.
 *
 * @returns whether a directory was added that open connections cannot reach yet
 */
export async function openGateDirs(
  stateDir: string,
  state: GateHostState,
  declared: readonly Path[],
): Promise<boolean> {
  let grew = false;
  await changeGateRules(stateDir, (before) => {
    const after = { ...before, ...computeOpenDirs(state, before, declared) };
    grew = before.root !== after.root || after.dirs.some((dir) => !before.dirs.includes(dir));
    return after;
  });
  return grew;
}

/** Opens this host's history to the other hosts; undefined closes it. */
export async function setGateHistory(
  stateDir: string,
  history: GateHistory | undefined,
): Promise<void> {
  await changeGateRules(stateDir, ({ history: _, ...before }) => ({
    ...before,
    ...(history && { history }),
  }));
}

/** Records the pid namespace of this process as that of this host's application. */
export async function setGatePidNamespace(stateDir: string): Promise<void> {
  const pidNamespace = readPidNamespace();
  await changeGateRules(stateDir, (before) => ({ ...before, pidNamespace }));
}

/** Reads where this host's application runs; undefined if none has started. */
export async function readGatePidNamespace(stateDir: string): Promise<string | undefined> {
  return (await readGateRules(stateDir)).pidNamespace;
}

/** Lists the sync dirs that other hosts can reach here. */
export async function readGateDirs(stateDir: string): Promise<readonly Path[]> {
  return (await readGateRules(stateDir)).dirs;
}

/**
 * Lists the directories that were opened below this root. They record the declarations of all
 * this host's processes, for processes without models.
 */
export async function readOpenedDirs(stateDir: string, rootPath: string): Promise<readonly Path[]> {
  const { root, dirs } = await readGateRules(stateDir);
  return root === rootPath ? dirs : [];
}

/** Refuses every host from now on. */
export async function closeGate(stateDir: string): Promise<void> {
  await changeGateRules(stateDir, (before) => ({ ...before, hosts: [] }));
}

type GateHostState = Pick<HostState, 'root' | 'syncDirs'>;

function computeOpenDirs(
  { root, syncDirs }: GateHostState,
  before: GateRules,
  declared: readonly Path[],
): Pick<GateRules, 'root' | 'dirs'> {
  const dirs = chooseOwnDirs({
    allowed: syncDirs as Path[],
    declared,
    opened: before.root === root ? before.dirs : [],
  });
  return { root, dirs: dirs.filter(isSafePath) };
}

async function changeGateRules(
  stateDir: string,
  make: (before: GateRules) => GateRules,
): Promise<void> {
  const folder = getGateFolder(stateDir);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await withLock(join(folder, 'rules.lock'), async (checkHeld) => {
    const program = join(folder, gateFileName);
    if ((await readFile(program, 'utf8').catch(() => '')) !== gateProgram)
      await replaceFile(program, gateProgram, 0o600, checkHeld);
    const before = await readGateRules(stateDir);
    const after = make(before);
    if (!isDeepStrictEqual(before, after))
      await replaceFile(
        join(folder, 'rules.json'),
        `${JSON.stringify(after, null, 2)}\n`,
        0o600,
        checkHeld,
      );
  });
}

/** Rules that cannot be read open nothing. */
async function readGateRules(stateDir: string): Promise<GateRules> {
  const nothing: GateRules = { root: '', dirs: [], hosts: [] };
  try {
    const { root, dirs, hosts, history, pidNamespace } = JSON.parse(
      await readFile(join(getGateFolder(stateDir), 'rules.json'), 'utf8'),
    ) as Partial<GateRules>;
    if (typeof root !== 'string' || !Array.isArray(dirs) || !Array.isArray(hosts)) return nothing;
    return {
      root,
      dirs: (dirs as readonly string[]).filter(isSafePath),
      hosts: hosts as readonly HostId[],
      ...(history && { history }),
      ...(pidNamespace !== undefined && { pidNamespace }),
    };
  } catch {
    return nothing;
  }
}

function findPython(): string | undefined {
  return pythonPaths.find((python) => {
    try {
      accessSync(python, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function runGateCheck(
  python: string,
  file: string,
): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(
      python,
      [...pythonArguments, file, '--check'],
      { timeout: 15_000, maxBuffer: 64 * 1024 },
      (error, stdout, stderr) => {
        resolve({ code: error ? 1 : 0, stdout, stderr: stderr || (error?.message ?? '') });
      },
    );
  });
}

/**
 * Minimal Python builds, such as `python3-minimal` of Debian and Ubuntu, lack part of the
 * standard library.
 */
function describeMissingModule(python: string, module: string): string {
  return (
    `${python} lacks its own module ${module}, so it is not the whole Python 3, as ` +
    `python3-minimal is not: ${describeInstallation('python3')}`
  );
}

function makeNoConfinementError(what: string): SyncMediaError {
  return new SyncMediaError(
    'NO_CONFINEMENT',
    `the keys of other hosts cannot be confined to the sync dirs here: ${what}. ` +
      'Put that right, or run `syncmedia init --unconfined`, which gives every other host a ' +
      'login shell as this user',
  );
}
