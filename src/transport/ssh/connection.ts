import type { Socket } from 'node:net';
import type { Client, SFTPWrapper } from 'ssh2';
import { getErrorMessage, SyncMediaError } from '../../model/errors.js';
import type { Disk } from '../../replica/disk.js';
import { formatAddress, type SshAddress } from './address.js';
import { Channels, type Channel } from './channels.js';
import type { SshLogin } from './connect.js';
import { createRemoteDisk } from './remote-disk.js';
import { Sftp } from './sftp.js';

/** No caller needs more of a command's output. */
const MAX_OUTPUT = 16 * 1024;
/** So many paths may be refused that logging in anew for each would cost more than the files. */
const RECENT_MS = 10_000;

/** One login to a host, with SFTP channels on it. */
export class SshConnection {
  /** Whether the connection can be used. Once false it stays false. */
  isOpen = true;
  readonly channels: Channels;
  private readonly openedAt = performance.now();

  private constructor(
    private readonly client: Client,
    first: Channel,
    openAnother: () => Promise<Channel>,
    private readonly address: SshAddress,
    private readonly timeoutMs: number,
  ) {
    this.channels = new Channels(first, openAnother);
    client.on('close', () => {
      this.isOpen = false;
    });
  }

  /**
   * Opens the SFTP channel of a client that is logged in. Owns the client from then on, also if
   * this fails.
   *
   * @throws NO_SFTP, HOST_UNREACHABLE, TIMED_OUT
   */
  static async fromLogin(
    { client, socket }: SshLogin,
    address: SshAddress,
    timeoutMs: number,
  ): Promise<SshConnection> {
    const corkNextWrites = corkWrites(socket);
    const open = (): Promise<Channel> => openChannel(client, address, timeoutMs, corkNextWrites);
    // The requests on a broken connection report the error. Without a listener the event would
    // end the process.
    client.on('error', () => undefined);
    try {
      return new SshConnection(client, await open(), open, address, timeoutMs);
    } catch (error) {
      client.destroy();
      throw error;
    }
  }

  get sftp(): Sftp {
    return this.channels.first.sftp;
  }
  get disk(): Disk {
    return this.channels.first.disk;
  }

  /**
   * Runs a fixed command there and waits for its end. The login shell of the other host reads it,
   * so it must contain nothing of a path, a row or an option.
   */
  async run(command: string): Promise<{ code: number | null; stdout: string }> {
    return requestWithTimeout(
      this.client,
      this.address,
      this.timeoutMs,
      `finish "${command}"`,
      (resolve, reject) => {
        this.client.exec(command, (error, channel) => {
          if (error) {
            reject(
              new SyncMediaError(
                'TRANSFER_FAILED',
                `${formatAddress(this.address)} does not let us run "${command}": ${error.message}`,
                { cause: error },
              ),
            );
            return;
          }
          let stdout = '';
          let code: number | null = null;
          channel.on('data', (bytes: Buffer) => {
            if (stdout.length < MAX_OUTPUT) stdout += bytes.toString();
          });
          channel.stderr.resume();
          channel.on('exit', (status: unknown) => {
            code = typeof status === 'number' ? status : null;
          });
          channel.on('close', () => {
            resolve({ code, stdout });
          });
          channel.end();
        });
      },
    );
  }

  /**
   * Current users may finish; the next use gets a new connection. A confined session may be out
   * of date, for example after a mount or with a new sync dir.
   */
  retire(): void {
    this.isOpen = false;
  }

  /** Does the same, but spares a login that is recent: it would be refused the same again. */
  retireUnlessRecent(): void {
    if (performance.now() - this.openedAt > RECENT_MS) this.retire();
  }

  /** Ends the connection at once. Requests under way fail. */
  end(): void {
    this.isOpen = false;
    this.client.destroy();
  }
}

/**
 * Sends the requests of one moment together: one packet, and one wake-up on the other host,
 * instead of one for each.
 */
function corkWrites(socket: Socket): () => void {
  let isCorked = false;
  return () => {
    if (isCorked) return;
    isCorked = true;
    socket.cork();
    setImmediate(() => {
      isCorked = false;
      socket.uncork();
    });
  };
}

async function openChannel(
  client: Client,
  address: SshAddress,
  timeoutMs: number,
  beforeRequest: () => void,
): Promise<Channel> {
  const wrapper = await openSftp(client, address, timeoutMs);
  const sftp = new Sftp(wrapper, formatAddress(address), timeoutMs, {
    endConnection: () => {
      client.destroy();
    },
    beforeRequest,
  });
  return { sftp, disk: createRemoteDisk(sftp) };
}

function openSftp(client: Client, address: SshAddress, timeoutMs: number): Promise<SFTPWrapper> {
  return requestWithTimeout(
    client,
    address,
    timeoutMs,
    'open an SFTP channel',
    (resolve, reject) => {
      client.sftp((error, sftp) => {
        if (error === undefined) resolve(sftp);
        // The exit code of syncmedia-gate.
        else if (/\bcode 77\b/.test(error.message))
          reject(
            new SyncMediaError(
              'AUTH_FAILED',
              `${formatAddress(address)} takes our key and then refuses us: it lets this host ` +
                `in no ` +
                `more, or \`syncmedia init\` has to be run there.`,
              { cause: error },
            ),
          );
        else
          reject(
            new SyncMediaError(
              'NO_SFTP',
              `${formatAddress(address)} offers no SFTP (${getErrorMessage(error)}): its ` +
                `sshd_config needs ` +
                `"Subsystem sftp internal-sftp".`,
              { cause: error },
            ),
          );
      });
    },
  );
}

/**
 * Waits for an answer, at most `timeoutMs` and as long as the connection lasts. The connection to
 * a silent host is ended.
 */
function requestWithTimeout<T>(
  client: Client,
  address: SshAddress,
  timeoutMs: number,
  doing: string,
  startRequest: (resolve: (value: T) => void, reject: (error: SyncMediaError) => void) => void,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const finish =
      <A>(done: (answer: A) => void) =>
      (answer: A): void => {
        clearTimeout(timer);
        client.off('close', onClose);
        done(answer);
      };
    const onClose = (): void => {
      finish(reject)(
        new SyncMediaError(
          'HOST_UNREACHABLE',
          `The connection to ${formatAddress(address)} broke.`,
        ),
      );
    };
    const timer = setTimeout(() => {
      finish(reject)(
        new SyncMediaError('TIMED_OUT', `${formatAddress(address)} did not ${doing} in time.`),
      );
      client.destroy();
    }, timeoutMs);
    client.on('close', onClose);
    startRequest(finish(resolve), finish(reject));
  });
}
