import { listProtectedDirs, refuseProtectedDirs } from '../access/protected-dirs.js';
import type { Config } from '../config/config.js';
import { getErrorMessage, SyncMediaError } from '../model/errors.js';
import type { HostState } from '../state-dir/state.js';
import { chooseOwnDirs } from '../decisions/own-dirs.js';
import { allowsPath } from '../decisions/wants.js';
import type { Path } from '../model/path.js';
import type { StoredRules, SyncDir } from '../model/sync-dir.js';
import type { SetupProblem } from '../model/host.js';
import { isSafePath } from '../replica/paths.js';
import { SyncDirs } from '../replica/sync-dirs.js';

const noAllowList: readonly string[] = [];

/**
 * The sync dirs of this host, with their rules. Only this class decides which directories these
 * are: those that `init` listed, those that models of this process declare, and those that models
 * of this host's other processes declared, as the gate recorded them. Rows of the database only
 * attach rules to these; a row opens nothing.
 */
export class KnownDirs {
  private readonly declared = new Map<string, { dir: SyncDir; where: string }>();
  private stored: readonly StoredRules[] = [];
  private opened: readonly Path[] = [];
  private compiled: { readonly allowed: readonly Path[]; readonly dirs: SyncDirs } | undefined;
  private readonly reported = new Set<string>();
  /** What was wrong with directories and rules when they were last compiled. */
  private faults: SetupProblem[] = [];

  /**
   * @param readState returns the state that `init` stored, as the same object until it changes;
   *   undefined on a machine without a host id
   */
  constructor(
    private readonly config: Pick<Config, 'stateDir' | 'reloadCommand'>,
    private readonly readState: () => HostState | undefined,
    private readonly report: (problem: SetupProblem) => void,
  ) {}

  /**
   * @throws RULES_DIFFER if another model declared the same sync dir with other rules;
   * BAD_SYNC_DIR if the directory must not be shared
   */
  declare(dirs: readonly SyncDir[], where: string): void {
    for (const dir of dirs) {
      const before = this.declared.get(dir.path);
      if (before && JSON.stringify(before.dir) !== JSON.stringify(dir)) {
        throw new SyncMediaError(
          'RULES_DIFFER',
          `${before.where} and ${where} declare different rules (exclude, conflict or onDelete) ` +
            `for the sync dir ${dir.path}: give both the same`,
        );
      }
      this.requireShareable([dir.path]);
      this.declared.set(dir.path, { dir, where });
    }
    this.compiled = undefined;
  }

  listDeclared(): SyncDir[] {
    return [...this.declared.values()].map(({ dir }) => dir);
  }

  /**
   * Lists declared sync dirs that this host's allow-list leaves out, each with the model that
   * declares it.
   */
  listRefused(): { dir: Path; where: string }[] {
    const syncDirs = [...this.readAllowList()];
    return [...this.declared.values()]
      .filter(({ dir }) => !allowsPath({ syncDirs }, dir.path))
      .map(({ dir, where }) => ({ dir: dir.path, where }));
  }

  /** Sets the rules that the database has, as last read. */
  setStored(rules: readonly StoredRules[]): void {
    if (JSON.stringify(rules) === JSON.stringify(this.stored)) return;
    this.stored = rules;
    this.compiled = undefined;
  }

  /** Sets the directories that the gate recorded for this host's processes, as last read. */
  setOpened(dirs: readonly Path[]): void {
    if (JSON.stringify(dirs) === JSON.stringify(this.opened)) return;
    this.opened = dirs;
    this.compiled = undefined;
  }

  /**
   * Lists sync dirs of this host whose stored rules have no valid seal and whose rules no model
   * of this process declares.
   */
  listUnsealed(): Path[] {
    const known = this.current();
    return this.stored
      .filter(({ path, unsealed }) => unsealed && known.byPath(path) && !this.declared.has(path))
      .map(({ path }) => path);
  }

  /** Lists sync dirs that are left out, and stored rules that are ignored. */
  listFaults(): readonly SetupProblem[] {
    this.current();
    return this.faults;
  }

  /** Lists all directories that rows of the database name, of this host and others. */
  listStored(): Path[] {
    return this.stored.map(({ path }) => path).filter(isSafePath);
  }

  /** Lists directories that rows of the database name and that this host does not open. */
  listIgnored(): Path[] {
    const known = this.current();
    return this.stored.map(({ path }) => path).filter((path) => !known.byPath(path));
  }

  /**
   * @throws BAD_SYNC_DIR if one of them must not be shared, or now leads to a directory that must
   * not
   */
  requireShareable(paths: readonly Path[] = this.listOwn()): void {
    const syncDirs = [...this.readAllowList()];
    for (const path of paths) if (allowsPath({ syncDirs }, path)) this.refuseProtected(path);
  }

  current(): SyncDirs {
    const allowed = this.readAllowList();
    if (this.compiled?.allowed !== allowed) this.compiled = { allowed, dirs: this.compileDirs() };
    return this.compiled.dirs;
  }

  /** This host's own allow-list; empty means all. */
  private readAllowList(): readonly Path[] {
    return (this.readState()?.syncDirs ?? noAllowList) as readonly Path[];
  }

  /**
   * @throws BAD_SYNC_DIR if other hosts could write files there that decide about access, or code
   *   that runs here
   */
  private refuseProtected(path: Path): void {
    const state = this.readState();
    if (state)
      refuseProtectedDirs(
        state.root,
        [path],
        state.syncDirs,
        listProtectedDirs(state, this.config),
      );
  }

  private listOwn(): Path[] {
    return chooseOwnDirs({
      allowed: this.readAllowList(),
      declared: this.listDeclared().map(({ path }) => path),
      opened: this.opened,
    }).filter(isSafePath);
  }

  private compileDirs(): SyncDirs {
    const stored = new Map(this.stored.map((rules) => [rules.path, rules]));
    this.faults = [];
    return new SyncDirs(
      this.listOwn().flatMap((path) => {
        try {
          this.refuseProtected(path);
        } catch (error) {
          this.reportFault({
            about: path,
            message: `the sync dir ${path} is left out: ${getErrorMessage(error)}`,
            remedy: 'declare another directory, or move what the message names',
          });
          return [];
        }
        return this.declared.get(path)?.dir ?? this.readRules(path, stored.get(path));
      }),
    );
  }

  /** Rules from the database are checked before they apply. */
  private readRules(path: Path, stored: StoredRules | undefined): SyncDir {
    const defaults: SyncDir = { path, exclude: [], conflict: 'newer', onDelete: 'keep' };
    if (!stored) return defaults;
    const { exclude, conflict, onDelete, unsealed } = stored;
    if (unsealed)
      this.reportOnce({
        about: `rules of ${path}`,
        message: `the rules of the sync dir ${path} in the database have no valid seal`,
        remedy: 'run `syncmedia doctor`, which explains it',
      });
    try {
      const rules: SyncDir = { path, exclude, conflict, onDelete };
      new SyncDirs([rules]);
      return rules;
    } catch (error) {
      this.reportFault({
        about: `rules of ${path}`,
        message:
          `the stored rules of the sync dir ${JSON.stringify(path)} are ignored: ` +
          getErrorMessage(error),
        remedy:
          'restart an application that declares the sync dir, or remove its row from the database',
      });
      return defaults;
    }
  }

  private reportFault(problem: SetupProblem): void {
    this.faults.push(problem);
    this.reportOnce(problem);
  }

  private reportOnce(problem: SetupProblem): void {
    if (this.reported.has(problem.message)) return;
    this.reported.add(problem.message);
    this.report(problem);
  }
}
