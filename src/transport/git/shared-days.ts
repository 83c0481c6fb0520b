import { readFile } from 'node:fs/promises';
import type { Host, HostId } from '../../model/host.js';
import { replaceFile } from '../../state-dir/replace-file.js';
import type { HistoryDay } from './repository.js';

/** A host that gets days. */
type Recipient = Pick<Host, 'id' | 'history'>;

/** What a host got. */
interface SharedWith {
  /** When the history of that host began. One that begins anew has got nothing. */
  readonly since?: string;
  /** The refs of the days, with the last commit of each. */
  readonly tips: Readonly<Record<string, string>>;
}

type Shared = Record<HostId, SharedWith>;

/**
 * Remembers what each host got, in a file of the state folder. A host that has removed an old day
 * does not get it again at each start. If the file is lost, everything is sent once more.
 */
export class SharedDays {
  private shared: Promise<Shared> | undefined;

  constructor(private readonly file: string) {}

  async listMissing(host: Recipient, days: readonly HistoryDay[]): Promise<HistoryDay[]> {
    const got = await this.findTips(host);
    return days.filter(({ ref, tip }) => got[ref] !== tip);
  }

  /** The last commit of a day that a host got; undefined if it got none. */
  async findTip(host: Recipient, ref: string): Promise<string | undefined> {
    return (await this.findTips(host))[ref];
  }

  /** Notes all days that a host has now. */
  add(host: Recipient, days: readonly HistoryDay[]): Promise<void> {
    return this.write(host, toTips(days));
  }

  /** Notes some days that a host got, beside those that it had. */
  async extend(host: Recipient, days: readonly Pick<HistoryDay, 'ref' | 'tip'>[]): Promise<void> {
    await this.write(host, { ...(await this.findTips(host)), ...toTips(days) });
  }

  private async findTips(host: Recipient): Promise<SharedWith['tips']> {
    const got = (await this.read())[host.id];
    // Files of earlier versions have neither.
    return got?.since === findBeginning(host) ? (got?.tips ?? {}) : {};
  }

  private async write(host: Recipient, tips: SharedWith['tips']): Promise<void> {
    const shared = await this.read();
    const since = findBeginning(host);
    shared[host.id] = { ...(since !== undefined && { since }), tips };
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

function findBeginning({ history }: Recipient): string | undefined {
  return history?.adoption?.since.toISOString();
}
