import type { DemoHost } from './host.js';
import type { Arrival, Saved } from './save.js';

const WIDTHS = [10, 12, 10, 12, 12];

/** Says what happens, and remembers what should have and did not. */
export class Report {
  readonly missing: string[] = [];

  say(line = ''): void {
    process.stdout.write(`${line}\n`);
  }

  title(text: string): void {
    this.say(`\n${text}`);
  }

  /** @param since what the times below count from */
  tableHead(since: string): void {
    this.say(`  times since ${since}`);
    this.row('saved on', 'picture', 'host', 'picture', 'thumbnail', '');
  }

  arrivals(saved: Saved, host: DemoHost, arrivals: readonly Arrival[]): void {
    const lost = arrivals.filter(({ state }) => state !== 'identical');
    for (const { what, state, ms } of lost) {
      const how =
        state === 'missing' ? `did not arrive within ${formatTime(ms)}` : 'is not byte-identical';
      this.missing.push(
        `${host.name}: the ${what} of ${saved.title}, saved on ${saved.on.name}, ${how}`,
      );
    }
    const times = arrivals.map(({ state, ms }) =>
      state === 'missing' ? 'missing' : formatTime(ms),
    );
    this.row(
      saved.on.name,
      saved.title,
      host.name,
      ...times,
      lost.length === 0 ? 'byte-identical' : 'NOT as it was saved',
    );
  }

  private row(...cells: string[]): void {
    this.say(`  ${cells.map((cell, n) => cell.padEnd(WIDTHS[n] ?? 0)).join('')}`.trimEnd());
  }
}

function formatTime(ms: number): string {
  return ms < 1000 ? `${ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
