import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeTestDir } from '../harness/tmp.js';
import { until } from '../harness/wait.js';
import { openSite, type Machine, type Site } from '../flow/site.js';
import { makeNpx, runOnTerminal, type TerminalResult } from './terminal.js';

/** Three hosts with the names of the pages, on which the shell lines of the pages run. */
export class SampleSite {
  private constructor(
    readonly site: Site,
    private readonly programs: string,
    private readonly remove: () => Promise<void>,
  ) {}

  static async open(): Promise<SampleSite> {
    const programs = await makeTestDir();
    try {
      await makeNpx(programs.path);
      const site = await openSite({
        hosts: ['web1', 'web2', 'web3'],
        plugin: { onDelete: 'propagate', rescan: false },
        environment: { SYNCMEDIA_SECRET: 'a secret of at least thirty-two bytes' },
        ...(process.env['DOCS_HOSTS'] && {
          hostDir: (name) => join(process.env['DOCS_HOSTS'] ?? '', name),
        }),
      });
      // The first scan of a host takes files that were written right before it for new ones.
      const rows = site.database.connection.collection('syncmedia_hosts');
      await until(async () => (await rows.countDocuments({ scans: { $exists: true } })) === 3, {
        timeout: 30_000,
        what: 'the first scan of every host',
      });
      return new SampleSite(site, programs.path, programs.remove);
    } catch (error) {
      await programs.remove();
      throw error;
    }
  }

  machine(name: string): Machine {
    const found = this.site.machines.find((machine) => machine.name === name);
    if (!found) throw new Error(`the samples have no host ${name}`);
    return found;
  }

  /** Runs a line as the user of a host's application, with its variables and its env file. */
  async run(line: string, on: string): Promise<TerminalResult> {
    const { ssh, environment } = this.machine(on);
    const variables = { ...environment, SYNCMEDIA_MONGODB_URI: this.site.database.uri };
    const cwd = join(ssh.dir, 'app');
    await mkdir(cwd, { recursive: true });
    const text = Object.entries(variables).map(([name, value]) => `${name}=${value}\n`);
    await writeFile(join(cwd, 'syncmedia.env'), text.join(''), { mode: 0o600 });
    const path = `${this.programs}:${process.env['PATH'] ?? ''}`;
    return runOnTerminal(line, { cwd, env: { ...variables, PATH: path } });
  }

  async close(): Promise<void> {
    await this.site.close();
    await this.remove();
  }
}
