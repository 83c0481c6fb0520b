import type { SshAddress } from './address.js';
import { SshConnections } from './connections.js';
import { SshMasters } from './masters.js';
import { SshConfig, type SshTarget } from './ssh-config.js';

interface SshSettings {
  readonly stateDir: string;
  /** The private key, without a passphrase. */
  readonly identityFile: string;
  /** Limit for a login, for each answer, and for a silent connection. */
  readonly timeoutMs: number;
  /** Idle connections and masters are closed after this. */
  readonly idleMs: number;
}

/**
 * This process's access to other hosts: ssh2 connections for SFTP, OpenSSH for rsync. The owner
 * closes it.
 */
export class Ssh {
  readonly connections: SshConnections;
  /** For files that are made on the way. The temporary directory may be read-only. */
  readonly stateDir: string;
  private readonly config: SshConfig;
  private readonly masters = new SshMasters();

  /** @throws BAD_STATE if a path cannot be passed to ssh */
  constructor(settings: SshSettings) {
    this.stateDir = settings.stateDir;
    this.config = new SshConfig(settings);
    this.connections = new SshConnections(settings);
  }

  /** Returns how rsync's ssh reaches this host. Throws as `SshConfig.write`. */
  async target(address: SshAddress): Promise<SshTarget> {
    const target = await this.config.write(address);
    this.masters.add(target);
    return target;
  }

  /** Ends all connections and masters. Idempotent. */
  async close(): Promise<void> {
    await Promise.all([this.connections.close(), this.masters.close()]);
  }
}
