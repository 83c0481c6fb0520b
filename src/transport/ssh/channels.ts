import type { Disk } from '../../replica/disk.js';
import type { Sftp } from './sftp.js';

/** An SFTP channel, and the other host's disk through it. */
export interface Channel {
  readonly sftp: Sftp;
  readonly disk: Disk;
}

interface ChannelSlot {
  readonly channel: Channel;
  users: number;
}

/**
 * sshd allows ten sessions on a connection (MaxSessions), and other requests need some of them.
 */
const maxChannels = 4;

/**
 * The SFTP channels of one connection: one, and more for large batches. A server carries out the
 * requests of a channel one after the other, and waits for the disk at each flush. Requests of
 * several channels reach the disk together.
 */
export class Channels {
  private readonly open: ChannelSlot[];
  private widening = false;

  constructor(
    readonly first: Channel,
    private readonly openAnother: () => Promise<Channel>,
  ) {
    this.open = [{ channel: first, users: 0 }];
  }

  /** Runs `work` on the channel with the fewest users. */
  async use<T>(work: (channel: Channel) => Promise<T>): Promise<T> {
    const slot = this.open.reduce((least, one) => (one.users < least.users ? one : least));
    slot.users++;
    try {
      return await work(slot.channel);
    } finally {
      slot.users--;
    }
  }

  /**
   * Opens the other channels, if they are not open yet, without waiting. They end with the
   * connection.
   */
  widen(): void {
    if (this.widening || this.open.length >= maxChannels) return;
    this.widening = true;
    void this.openOthers();
  }

  private async openOthers(): Promise<void> {
    try {
      while (this.open.length < maxChannels)
        this.open.push({ channel: await this.openAnother(), users: 0 });
      this.widening = false;
    } catch {
      // The server offers no more channels. The open ones must do, and it is not asked again.
    }
  }
}
