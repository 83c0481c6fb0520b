import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { until } from '../../test/harness/wait.js';
import { WarmSsh } from '../baselines.js';
import type { Alternative } from './alternative.js';
import { Daemon } from './daemon.js';
import { findOrTake } from './programs.js';

const folder = 'lsyncd';

export const lsyncd: Alternative = {
  name: 'lsyncd 2.2.3',
  settings: '`delay = 0`, one rsync for each host at a time, over ssh connections that stay open',
  async open({ sender, receivers, key }, say) {
    const program = await findOrTake('lsyncd', say);
    await mkdir(sender.path(folder), { recursive: true });
    const masters: WarmSsh[] = [];
    for (const receiver of receivers) {
      await mkdir(receiver.path(folder), { recursive: true });
      masters.push(await new WarmSsh(key, sender, receiver).open());
    }
    const log = join(sender.ssh.dir, 'lsyncd.log'),
      config = join(sender.ssh.dir, 'lsyncd.lua');
    const syncs = receivers.map(
      (receiver, i) => `sync {
  default.rsync,
  source = ${JSON.stringify(sender.path(folder))},
  target = ${JSON.stringify(`${receiver.ssh.username}@127.0.0.1:${receiver.path(folder)}`)},
  delay = 0,
  delete = false,
  rsync = { times = true, rsh = ${JSON.stringify(masters[i]?.command ?? '')} },
}`,
    );
    await writeFile(
      config,
      `settings {
  nodaemon = true,
  insist = true,
  inotifyMode = "CloseWrite",
  logfile = ${JSON.stringify(log)},
  statusFile = ${JSON.stringify(join(sender.ssh.dir, 'lsyncd.status'))},
  statusInterval = 1,
}
${syncs.join('\n')}
`,
    );
    const daemon = Daemon.start(program, ['-nodaemon', config]);
    const close = async (): Promise<void> => {
      await daemon.close();
      for (const master of masters) await master.close();
    };
    try {
      // Each sync begins with a rsync of everything.
      await until(
        async () => {
          daemon.check();
          const text = await readFile(log, 'utf8').catch(() => '');
          return text.split('Startup of ').length - 1 >= receivers.length;
        },
        { timeout: 30_000, what: 'the startup of lsyncd' },
      );
    } catch (error) {
      await close();
      throw error;
    }
    return {
      folder,
      async store(name, content) {
        daemon.check();
        await sender.write(`${folder}/${name}`, content);
      },
      countDatabaseBytes: () => Promise.resolve(0),
      close,
    };
  },
};
