import { execFile } from 'node:child_process';
import { access } from 'node:fs/promises';
import type { SshTarget } from './ssh-config.js';

/**
 * The OpenSSH masters that this process may have opened. rsync's ssh opens them on demand. They
 * end when idle, or with `close`.
 */
export class SshMasters {
  private readonly targets = new Map<string, SshTarget>();

  /**
   * Call this before ssh runs. The number of hosts and their changes of address bound the list.
   */
  add(target: SshTarget): void {
    this.targets.set(target.controlPath, target);
  }

  /** Ends all masters. */
  async close(): Promise<void> {
    const targets = [...this.targets.values()];
    this.targets.clear();
    await Promise.all(targets.map(endMaster));
  }
}

/**
 * Ends a master, if there is one. A master that does not answer ends by itself when it is idle.
 */
async function endMaster({ configFile, controlPath, alias }: SshTarget): Promise<void> {
  if (
    !(await access(controlPath).then(
      () => true,
      () => false,
    ))
  )
    return;
  await new Promise<void>((resolve) => {
    execFile(
      'ssh',
      ['-F', configFile, '-S', controlPath, '-O', 'exit', alias],
      { timeout: 5_000 },
      () => {
        resolve();
      },
    );
  });
}
