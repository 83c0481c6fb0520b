import { readFile } from 'node:fs/promises';
import type { HostId } from '../../model/host.js';
import { replaceFile } from '../../state-dir/replace-file.js';
import type { HistoryDay } from './repository.js';

/** For each host: the refs of the days that it got, with the last commit of each. */
type Shared = Record<HostId, Record<string, string>>;

/**
 * Remembers what each host got, in a file of the state folder. A host that has removed an old day
 * does not get it again at each start. If the file is lost, everything is sent once more.
 */
export class SharedDays {
  private shared: Promise<Shared> | undefined;

  constructor(private readonly file: string) {}

  async listMissing(host: HostId, days: readonly HistoryDay[]): Promise<HistoryDay[]> {
    const got = (await this.read())[host] ?? {};
    return days.filter(({ ref, tip }) => got[ref] !== tip);
  }

  /** The last commit of a day that a host got; undefined if it got none. */
  async findTip(host: HostId, ref: string): Promise<string | undefined> {
    return (await this.read())[host]?.[ref];
  }

  /** Notes all days that a host has now. */
  add(host: HostId, days: readonly HistoryDay[]): Promise<void> {
    return this.write(host, toTips(days));
  }

  /** Notes some days that a host got, beside those that it had. */
  async extend(host: HostId, days: readonly Pick<HistoryDay, 'ref' | 'tip'>[]): Promise<void> {
    const got = (await this.read())[host] ?? {};
    await this.write(host, { ...got, ...toTips(days) });
  }

  private async write(host: HostId, tips: Record<string, string>): Promise<void> {
    const shared = await this.read();
    shared[host] = tips;
    await replaceFile(this.file, JSON.stringify(shared), 0o600);
  }

  private read(): Promise<Shared> {
    return (this.shared ??= readFile(this.file, 'utf8')
      .then((text) => JSON.parse(text) as Shared)
      .catch(() => ({})));
  }
}

function toTips(days: readonly Pick<HistoryDay, 'ref' | 'tip'>[]): Record<string, string> {
  return Object.fromEntries(days.map(({ ref, tip }) => [ref, tip]));
}
