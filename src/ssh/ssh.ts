import type { Address } from './address.js';
import { Connections } from './connections.js';
import { Masters } from './masters.js';
import { SshConfig, type SshTarget } from './ssh-config.js';

export interface SshSettings {
  readonly stateDir: string;
  /** The private key, without a passphrase. */
  readonly identityFile: string;
  /** For a login, for each answer, and for a connection that went silent. */
  readonly timeoutMs: number;
  /** Idle connections and masters are closed after this. */
  readonly idleMs: number;
}

/** This process's ways to other hosts: ssh2 connections for SFTP, OpenSSH for rsync. Whoever makes it closes it. */
export class Ssh {
  readonly connections: Connections;
  private readonly config: SshConfig;
  private readonly masters = new Masters();

  /** @throws BAD_STATE where a path cannot be told to ssh */
  constructor(settings: SshSettings) {
    this.config = new SshConfig(settings);
    this.connections = new Connections(settings);
  }

  /** How rsync's ssh reaches this host. Throws as `SshConfig.write`. */
  async target(address: Address): Promise<SshTarget> {
    const target = await this.config.write(address);
    this.masters.add(target);
    return target;
  }

  /** Ends every connection and master. Idempotent. */
  async close(): Promise<void> {
    await Promise.all([this.connections.close(), this.masters.close()]);
  }
}
