import { closeSync, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../../src/config/config.js';
import type { Registry } from '../../src/hosts/registry.js';
import { ReloadRunner } from '../../src/leader/jobs/reload.js';
import { EventBus } from '../../src/model/events.js';
import { Repository } from '../../src/transport/git/repository.js';
import { pushDays } from '../../src/transport/git/share.js';
import { RsyncCommand } from '../../src/transport/rsync/rsync-command.js';
import { RsyncProcess } from '../../src/transport/rsync/rsync-process.js';
import type { Ssh } from '../../src/transport/ssh/ssh.js';
import type { Host } from '../../src/model/host.js';
import { makePartial } from '../harness/partial.js';

// Starts each program while no file can be opened, and prints what came of it.
const [gitDir = ''] = process.argv.slice(2);
const { signal } = new AbortController();
const opened: number[] = [];

function openAll(): void {
  try {
    for (;;) opened.push(openSync('/dev/null', 'r'));
  } catch {
    // This was the last one.
  }
}

function closeAll(): void {
  for (const file of opened.splice(0)) closeSync(file);
}

/** Says what came of it when the events that follow have been emitted, too. */
async function tryOut(name: string, work: () => Promise<unknown>): Promise<void> {
  const outcome = await work().catch((error: unknown) => error);
  await sleep(1);
  closeAll();
  const { code, output } = outcome as { code?: string; output?: string };
  console.log(JSON.stringify([name, code ?? output]));
}

/** A repository whose git starts, and leaves no descriptors. */
class LastOne extends Repository {
  override start(...given: Parameters<Repository['start']>): ReturnType<Repository['start']> {
    closeAll();
    const git = super.start(...given);
    openAll();
    void git.exited.then(({ endedBy }) => {
      console.log(JSON.stringify(['git of a push', endedBy]));
    });
    return git;
  }
}

const repository = new Repository(gitDir, 'here', 10_000);
await repository.open(signal);

openAll();
await tryOut('rsync', () =>
  Promise.resolve().then(() =>
    new RsyncProcess(new RsyncCommand().source('a').destination('b'), {
      signal,
      silenceMs: 10_000,
    }).readAll(() => undefined),
  ),
);

openAll();
await tryOut('git', () => repository.run(['version'], { signal, doing: 'asking' }));

openAll();
await tryOut('ssh', () =>
  pushDays(
    {
      repository: new LastOne(gitDir, 'here', 10_000),
      ssh: makePartial<Ssh>({
        target: () => Promise.resolve({ configFile: '/none', controlPath: '/none', alias: 'b' }),
      }),
    },
    makePartial<Host>({ hostname: 'b', url: 'b', sshPort: 22, username: 'b' }),
    [],
    signal,
  ),
);

openAll();
const events = new EventBus();
const reloaded = new Promise((resolve) => {
  new ReloadRunner(
    {
      config: makePartial<Config>({ reloadCommand: ['true'] }),
      events,
      registry: makePartial<Registry>({
        recordReload: (outcome) => {
          resolve(outcome);
          return Promise.resolve();
        },
      }),
    },
    1,
  ).start();
});
events.emit('received', { files: 1 });
// The runner's timer keeps no process running.
const running = setInterval(() => undefined, 60_000);
await tryOut('reload command', () => reloaded);
clearInterval(running);
