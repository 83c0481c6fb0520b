import { execFile } from 'node:child_process';
import { access } from 'node:fs/promises';
import type { SshTarget } from './ssh-config.js';

/** The OpenSSH masters that this process may have opened: rsync's ssh opens them on demand, and they end when idle, or here. */
export class Masters {
  private readonly targets = new Map<string, SshTarget>();

  /** To be told before ssh runs. Bounded: as many as hosts, and their changes of address. */
  add(target: SshTarget): void { this.targets.set(target.controlPath, target); }

  /** Ends all of them. */
  async close(): Promise<void> {
    const targets = [...this.targets.values()];
    this.targets.clear();
    await Promise.all(targets.map(endMaster));
  }
}

/** Nothing to do where there is none; one that does not answer ends by itself when it is idle. */
async function endMaster({ configFile, controlPath, alias }: SshTarget): Promise<void> {
  if (!(await access(controlPath).then(() => true, () => false))) return;
  await new Promise<void>((resolve) => {
    execFile('ssh', ['-F', configFile, '-S', controlPath, '-O', 'exit', alias], { timeout: 5_000 }, () => { resolve(); });
  });
}
