import { watch, type FSWatcher } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Machine } from '../test/flow/site.js';
import { now } from './figures.js';

const patienceMs = 120_000;

interface Expected {
  readonly times: (number | undefined)[];
  resolve(times: number[]): void;
}

/**
 * Sees files appear in one directory of several hosts, as the kernel tells it, without asking again
 * and again.
 */
export class Arrivals {
  private readonly watchers: FSWatcher[] = [];
  private readonly expected = new Map<string, Expected>();

  private constructor(private readonly folders: readonly string[]) {}

  /** @param folder relative to the root; made where it is missing */
  static async at(machines: readonly Pick<Machine, 'path'>[], folder: string): Promise<Arrivals> {
    const arrivals = new Arrivals(machines.map((machine) => machine.path(folder)));
    for (const [index, path] of arrivals.folders.entries()) {
      await mkdir(path, { recursive: true });
      arrivals.watchers.push(
        watch(path, (_, name) => {
          if (name !== null) arrivals.see(name, index);
        }),
      );
    }
    return arrivals;
  }

  /**
   * When the file was on each of the hosts, by `now()`. Ask before it is sent. @throws where it
   * does not arrive
   */
  async expect(name: string): Promise<number[]> {
    let late: NodeJS.Timeout | undefined;
    try {
      return await new Promise((resolve, reject) => {
        this.expected.set(name, { times: this.folders.map(() => undefined), resolve });
        late = setTimeout(() => {
          reject(
            new Error(`${name} did not arrive everywhere within ${String(patienceMs / 1000)} s`),
          );
        }, patienceMs);
      });
    } finally {
      clearTimeout(late);
      this.expected.delete(name);
    }
  }

  /** @throws where the file on any of the hosts has other bytes */
  async check(name: string, content: Uint8Array): Promise<void> {
    for (const folder of this.folders) {
      if (!(await readFile(join(folder, name))).equals(content))
        throw new Error(`${join(folder, name)} has other bytes than were sent`);
    }
  }

  close(): void {
    for (const watcher of this.watchers) watcher.close();
  }

  private see(name: string, index: number): void {
    const expected = this.expected.get(name);
    if (!expected) return;
    expected.times[index] ??= now();
    if (expected.times.every((time) => time !== undefined)) expected.resolve(expected.times);
  }
}
