import type { Socket } from 'node:net';
import type { Client, SFTPWrapper } from 'ssh2';
import { messageOf, SyncMediaError } from '../errors/errors.js';
import type { Disk } from '../root/disk.js';
import { nameOf, type Address } from './address.js';
import { Channels, type Channel } from './channels.js';
import type { LoggedIn } from './connect.js';
import { remoteDisk } from './remote-disk.js';
import { Sftp } from './sftp.js';

/** More of a command's output is of no use to anyone. */
const MAX_OUTPUT = 16 * 1024;

/** One login to a host, with SFTP channels on it. */
export class Connection {
  /** Whether it can be used; once false it stays so. */
  open = true;
  readonly channels: Channels;

  private constructor(private readonly client: Client, first: Channel, openAnother: () => Promise<Channel>, private readonly address: Address, private readonly timeoutMs: number) {
    this.channels = new Channels(first, openAnother);
    client.on('close', () => { this.open = false; });
  }

  /**
   * Opens the SFTP channel of a client that is logged in, and owns the client from then on, also when this fails.
   *
   * @throws NO_SFTP, HOST_UNREACHABLE, TIMED_OUT
   */
  static async over({ client, socket }: LoggedIn, address: Address, timeoutMs: number): Promise<Connection> {
    const gather = gatherWrites(socket);
    const open = (): Promise<Channel> => openChannel(client, address, timeoutMs, gather);
    // What breaks an open connection is told by the requests on it; without a listener it would end the process.
    client.on('error', () => undefined);
    try {
      return new Connection(client, await open(), open, address, timeoutMs);
    } catch (error) {
      client.destroy();
      throw error;
    }
  }

  get sftp(): Sftp { return this.channels.first.sftp; }
  get disk(): Disk { return this.channels.first.disk; }

  /**
   * Runs a fixed command there and waits for its end. The other side's login shell reads it: nothing of a path, a row or an
   * option may be part of it.
   */
  async run(command: string): Promise<{ code: number | null; stdout: string }> {
    return bounded(this.client, this.address, this.timeoutMs, `finish "${command}"`, (resolve, reject) => {
      this.client.exec(command, (error, channel) => {
        if (error) {
          reject(new SyncMediaError('TRANSFER_FAILED', `${nameOf(this.address)} does not let us run "${command}": ${error.message}`, { cause: error }));
          return;
        }
        let stdout = '';
        let code: number | null = null;
        channel.on('data', (bytes: Buffer) => { if (stdout.length < MAX_OUTPUT) stdout += bytes.toString(); });
        channel.stderr.resume();
        channel.on('exit', (status: unknown) => { code = typeof status === 'number' ? status : null; });
        channel.on('close', () => { resolve({ code, stdout }); });
        channel.end();
      });
    });
  }

  /** Whoever has it finishes; the next use gets a new one. What confines it there may be out of date: a mount, another sync dir. */
  retire(): void {
    this.open = false;
  }

  /** Ends it at once; what is under way fails. */
  end(): void {
    this.open = false;
    this.client.destroy();
  }
}

/** Requests of the same moment go to the network together: one packet, and one wake-up there, instead of one for each. */
function gatherWrites(socket: Socket): () => void {
  let gathering = false;
  return () => {
    if (gathering) return;
    gathering = true;
    socket.cork();
    setImmediate(() => {
      gathering = false;
      socket.uncork();
    });
  };
}

async function openChannel(client: Client, address: Address, timeoutMs: number, beforeRequest: () => void): Promise<Channel> {
  const wrapper = await openSftp(client, address, timeoutMs);
  const sftp = new Sftp(wrapper, nameOf(address), timeoutMs, { endConnection: () => { client.destroy(); }, beforeRequest });
  return { sftp, disk: remoteDisk(sftp) };
}

function openSftp(client: Client, address: Address, timeoutMs: number): Promise<SFTPWrapper> {
  return bounded(client, address, timeoutMs, 'open an SFTP channel', (resolve, reject) => {
    client.sftp((error, sftp) => {
      if (error === undefined) resolve(sftp);
      // The exit code of syncmedia-gate.
      else if (/\bcode 77\b/.test(error.message)) reject(new SyncMediaError('AUTH_FAILED', `${nameOf(address)} takes our key and then refuses us: it lets this host in no more, or \`syncmedia init\` has to be run there.`, { cause: error }));
      else reject(new SyncMediaError('NO_SFTP', `${nameOf(address)} offers no SFTP (${messageOf(error)}): its sshd_config needs "Subsystem sftp internal-sftp".`, { cause: error }));
    });
  });
}

/** Waits for an answer no longer than `timeoutMs` and than the connection lasts; a host that is silent is not asked again on it. */
function bounded<T>(
  client: Client, address: Address, timeoutMs: number, doing: string, ask: (resolve: (value: T) => void, reject: (error: SyncMediaError) => void) => void,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const settle = <A>(done: (answer: A) => void) => (answer: A): void => {
      clearTimeout(timer);
      client.off('close', onClose);
      done(answer);
    };
    const onClose = (): void => { settle(reject)(new SyncMediaError('HOST_UNREACHABLE', `The connection to ${nameOf(address)} broke.`)); };
    const timer = setTimeout(() => {
      settle(reject)(new SyncMediaError('TIMED_OUT', `${nameOf(address)} did not ${doing} in time.`));
      client.destroy();
    }, timeoutMs);
    client.on('close', onClose);
    ask(settle(resolve), settle(reject));
  });
}
