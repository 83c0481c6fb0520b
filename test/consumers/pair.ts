import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { confinement } from '../gate/confined.js';
import { testDatabase, type TestDatabase } from '../harness/database.js';
import { listInitArgs } from '../harness/init-args.js';
import { startHost, type TestHost } from '../harness/sshd.js';

/** Runs a program of an app, and resolves with its output. */
type Run = (args: string[], env: Record<string, string>) => Promise<string>;

/** What an app is made of in the form in which it is deployed. */
export interface Programs {
  /** The command `syncmedia`. */
  readonly command: Run;
  /** `save PATH` and `get PATH`, as in `app/visit.cjs`. */
  readonly site: Run;
}

/** Two hosts that deliver to each other and fetch from each other. */
export class Pair {
  private constructor(
    private readonly database: TestDatabase,
    private readonly web1: TestHost,
    private readonly web2: TestHost,
  ) {}

  static async open(): Promise<Pair> {
    const [database, ...hosts] = await Promise.all([
      testDatabase(),
      startHost({ name: 'web1' }),
      startHost({ name: 'web2' }),
    ]);
    for (const host of hosts) await mkdir(join(host.root, 'uploads'));
    return new Pair(database, ...hosts);
  }

  /**
   * A file goes from the first host to the second with a save; another one is fetched by the second
   * when a visitor asks for it.
   */
  async expectSync({ command, site }: Programs): Promise<void> {
    const { web1, web2 } = this;
    for (const host of [web1, web2]) await command(listInitArgs(host), this.environmentOf(host));

    await writeFile(join(web1.root, 'uploads/sent.txt'), 'sent');
    const sent = await site(['save', 'uploads/sent.txt'], this.environmentOf(web1));
    expect(parseLastLine(sent)).toMatchObject({
      files: [{ path: 'uploads/sent.txt', needed: 2, heldBy: ['web1', 'web2'], lackedBy: [] }],
    });
    expect(await readFile(join(web2.root, 'uploads/sent.txt'), 'utf8')).toBe('sent');

    await command(['hosts', 'edit', 'web2', '--status', 'paused'], this.environmentOf(web1));
    await writeFile(join(web1.root, 'uploads/fetched.txt'), 'fetched');
    await site(['save', 'uploads/fetched.txt'], this.environmentOf(web1));
    const fetched = await site(['get', 'uploads/fetched.txt'], this.environmentOf(web2));
    expect(parseLastLine(fetched)).toEqual({ status: 200, text: 'fetched' });
    expect(await readFile(join(web2.root, 'uploads/fetched.txt'), 'utf8')).toBe('fetched');
  }

  async close(): Promise<void> {
    await Promise.all([this.database.close(), this.web1.close(), this.web2.close()]);
  }

  private environmentOf(host: TestHost): Record<string, string> {
    return {
      CONSUMER_MONGODB_URI: this.database.uri,
      SYNCMEDIA_MONGODB_URI: this.database.uri,
      SYNCMEDIA_STATE_DIR: host.stateDir,
      SYNCMEDIA_AUTHORIZED_KEYS: host.authorizedKeysFile,
      HOME: host.dir,
      ...confinement,
      SYNCMEDIA_AUTO_APPROVE: 'true',
      SYNCMEDIA_SECRET: 'a secret of this site, 32 bytes long at least',
    };
  }
}

/** A framework may print lines of its own before. */
function parseLastLine(output: string): unknown {
  return JSON.parse(output.trimEnd().split('\n').at(-1) ?? '');
}
