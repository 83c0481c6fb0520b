import { SyncMediaError } from '../../model/errors.js';
import type { HostId } from '../../model/host.js';
import type { SshAddress } from './address.js';
import { SshConnection } from './connection.js';
import { logIn, type LoginSettings } from './connect.js';
import { LoginLimiter } from './handshakes.js';

export interface ConnectionSettings extends LoginSettings {
  /** An unused connection is closed after this. */
  readonly idleMs: number;
  /** Maximum of logins at once to one sshd. Default 4. */
  readonly handshakes?: number;
}

interface ConnectionSlot {
  /** Identifies the address it was opened for. Another port or pin needs another connection. */
  readonly key: string;
  readonly connection: Promise<SshConnection>;
  users: number;
  idle?: NodeJS.Timeout;
}

/** Keeps one connection to each host, opened on demand. The owner closes it. */
export class SshConnections {
  private readonly slots = new Map<HostId, ConnectionSlot>();
  /** For each sshd with a login under way. A host that answers nothing delays no other one. */
  private readonly limiters = new Map<string, LoginLimiter>();
  private readonly ending = new AbortController();

  constructor(private readonly settings: ConnectionSettings) {}

  /**
   * Runs `work` on the connection to this host, which stays open at least until `work` ends.
   *
   * @throws what `connect` throws, NO_SFTP, CLOSED; what `work` throws
   */
  async use<T>(address: SshAddress, work: (connection: SshConnection) => Promise<T>): Promise<T> {
    const { connection, release } = await this.acquire(address);
    try {
      return await work(connection);
    } finally {
      release();
    }
  }

  /**
   * Does the same as `use`, without a callback. The caller must call `release`; further calls do
   * nothing.
   */
  async acquire(address: SshAddress): Promise<{ connection: SshConnection; release: () => void }> {
    if (this.ending.signal.aborted)
      throw new SyncMediaError('CLOSED', 'The connections to other hosts were closed.');
    const slot = await this.findOrOpen(address);
    slot.users++;
    clearTimeout(slot.idle);
    try {
      const connection = await slot.connection;
      let isReleased = false;
      return {
        connection,
        release: () => {
          if (!isReleased) this.release(address.id, slot);
          isReleased = true;
        },
      };
    } catch (error) {
      // The next use tries anew.
      if (this.slots.get(address.id) === slot) this.slots.delete(address.id);
      throw error;
    }
  }

  /** Ends all connections. Requests under way fail. */
  async close(): Promise<void> {
    this.ending.abort();
    const slots = [...this.slots.values()];
    this.slots.clear();
    await Promise.allSettled(
      slots.map(async (slot) => {
        clearTimeout(slot.idle);
        (await slot.connection).end();
      }),
    );
  }

  private async findOrOpen(address: SshAddress): Promise<ConnectionSlot> {
    const { id, url, sshPort, username, hostKeys } = address;
    const key = JSON.stringify([url, sshPort, username, hostKeys]);
    const slot = this.slots.get(id);
    if (slot?.key === key) {
      const connection = await slot.connection.catch(() => undefined);
      // Another caller may have replaced the connection meanwhile.
      if (connection?.isOpen === true || this.slots.get(id) !== slot)
        return connection?.isOpen === true ? slot : this.findOrOpen(address);
    }
    if (slot !== undefined) this.retire(id, slot);
    const opening = this.logInWithin(address);
    const opened: ConnectionSlot = { key, connection: opening, users: 0 };
    this.slots.set(id, opened);
    return opened;
  }

  /** Logs in as soon as the limit of logins to that sshd allows it. */
  private async logInWithin(address: SshAddress): Promise<SshConnection> {
    const { handshakes = 4, timeoutMs } = this.settings;
    const sshd = `${address.url} ${String(address.sshPort)}`;
    const limiter = this.limiters.get(sshd) ?? new LoginLimiter(handshakes);
    this.limiters.set(sshd, limiter);
    try {
      const { signal } = this.ending;
      return await limiter.run(async () => {
        const login = await logIn(address, this.settings, signal);
        return SshConnection.fromLogin(login, address, timeoutMs);
      }, signal);
    } finally {
      if (limiter.isIdle) this.limiters.delete(sshd);
    }
  }

  private release(id: HostId, slot: ConnectionSlot): void {
    slot.users--;
    if (slot.users > 0) return;
    if (this.slots.get(id) !== slot) {
      this.end(slot);
      return;
    }
    slot.idle = setTimeout(() => {
      this.retire(id, slot);
    }, this.settings.idleMs);
    slot.idle.unref();
  }

  /** Takes a connection out of use. It ends with its last user. */
  private retire(id: HostId, slot: ConnectionSlot): void {
    if (this.slots.get(id) === slot) this.slots.delete(id);
    clearTimeout(slot.idle);
    if (slot.users === 0) this.end(slot);
  }

  private end(slot: ConnectionSlot): void {
    slot.connection.then(
      (connection) => {
        connection.end();
      },
      () => undefined,
    );
  }
}
