import { readFile } from 'node:fs/promises';
import { connect as openSocket, type Socket } from 'node:net';
import { Client, type ServerHostKeyAlgorithm } from 'ssh2';
import { getErrorMessage, SyncMediaError } from '../../model/errors.js';
import { formatAddress, validateAddress, type SshAddress } from './address.js';
import { formatFingerprint } from '../../util/public-key.js';
import { listHostKeyAlgorithms, parsePinnedKeys } from './host-key.js';

export interface LoginSettings {
  readonly identityFile: string;
  /** Limit for the login, and for a silent connection. */
  readonly timeoutMs: number;
}

/** A client that is logged in. The owner ends the client, which ends the socket. */
export interface SshLogin {
  readonly client: Client;
  readonly socket: Socket;
}

/**
 * Logs in to a host, which must show a pinned key.
 *
 * @throws HOST_UNREACHABLE, HOST_KEY_MISMATCH, AUTH_FAILED, TIMED_OUT, BAD_KEY, BAD_OPTION;
 *   CANCELLED if `signal` aborts
 */
export async function logIn(
  address: SshAddress,
  settings: LoginSettings,
  signal: AbortSignal,
): Promise<SshLogin> {
  validateAddress(address);
  const pinnedKeys = parsePinnedKeys(address);
  const privateKey = await readPrivateKey(settings.identityFile);
  const client = new Client();
  let socket: Socket | undefined;
  let shown: Buffer | undefined;
  let cancel = (): void => undefined;
  try {
    const opened = (socket = openSocket({ host: address.url, port: address.sshPort }));
    await new Promise<void>((resolve, reject) => {
      cancel = (): void => {
        reject(
          new SyncMediaError('CANCELLED', `Logging in to ${formatAddress(address)} was cancelled.`),
        );
      };
      if (signal.aborted) {
        cancel();
        return;
      }
      signal.addEventListener('abort', cancel, { once: true });
      client
        .on('ready', resolve)
        .on('error', reject)
        .on('close', () => {
          reject(new Error('the connection was closed before the login'));
        });
      client.connect({
        sock: opened,
        host: address.url,
        port: address.sshPort,
        username: address.username,
        privateKey,
        authHandler: ['publickey'],
        readyTimeout: settings.timeoutMs,
        keepaliveInterval: Math.max(1_000, settings.timeoutMs / 3),
        keepaliveCountMax: 3,
        algorithms: {
          serverHostKey: listHostKeyAlgorithms(pinnedKeys) as ServerHostKeyAlgorithm[],
        },
        hostVerifier: (key: Buffer) => {
          shown = key;
          return pinnedKeys.some(({ blob }) => blob.equals(key));
        },
      });
    });
  } catch (error) {
    // An error event without a listener would end the process.
    client.on('error', () => undefined);
    client.destroy();
    socket?.on('error', () => undefined).destroy();
    throw toLoginError(
      error,
      address,
      pinnedKeys.map((key) => formatFingerprint(key)),
      shown,
    );
  } finally {
    signal.removeEventListener('abort', cancel);
  }
  // With Nagle's algorithm small requests wait for each other: an exec took 45 ms instead of 3.4.
  socket.setNoDelay(true);
  return { client, socket };
}

function toLoginError(
  error: unknown,
  address: SshAddress,
  pinned: readonly string[],
  shown: Buffer | undefined,
): SyncMediaError {
  if (error instanceof SyncMediaError) return error;
  const name = formatAddress(address);
  const { level, message } = error as { level?: unknown; message: string };
  const fail = (
    code: ConstructorParameters<typeof SyncMediaError>[0],
    text: string,
  ): SyncMediaError => new SyncMediaError(code, text, { cause: error });
  if (message.includes('verification failed')) {
    const other =
      shown === undefined
        ? 'another host key'
        : `the host key ${formatFingerprint({ blob: shown })}`;
    return fail(
      'HOST_KEY_MISMATCH',
      `${name} shows ${other}; pinned is ${pinned.join(' or ')}. If its sshd got new keys, run ` +
        `\`syncmedia init\` there; else somebody else answers.`,
    );
  }
  if (/no matching host key/i.test(message)) {
    return fail(
      'HOST_KEY_MISMATCH',
      `${name} has no host key of the pinned type; pinned is ${pinned.join(' or ')}. If its ` +
        `sshd got new keys, run \`syncmedia init\` there.`,
    );
  }
  if (level === 'client-authentication') {
    return fail(
      'AUTH_FAILED',
      `${name} does not accept our key: it belongs into that user's authorized_keys (a running ` +
        `syncmedia there puts it in by itself).`,
    );
  }
  if (/parse privateKey/i.test(message)) {
    return fail(
      'BAD_KEY',
      `The private key for ${name} cannot be used (${message}): it needs to be one without a ` +
        `passphrase.`,
    );
  }
  if (level === 'client-timeout')
    return fail('TIMED_OUT', `${name} did not finish the login in time.`);
  return fail(
    'HOST_UNREACHABLE',
    `${name} cannot be reached: ${getErrorMessage(error)}. Is its sshd running, and the port open?`,
  );
}

async function readPrivateKey(identityFile: string): Promise<Buffer> {
  try {
    return await readFile(identityFile);
  } catch (error) {
    throw new SyncMediaError(
      'BAD_KEY',
      `The private key ${identityFile} cannot be read: ${getErrorMessage(error)}. Give its ` +
        `place in ` +
        `SYNCMEDIA_IDENTITY, or make a key pair by \`syncmedia init --generate\`.`,
      { cause: error },
    );
  }
}
