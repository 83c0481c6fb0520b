import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Server, utils, type Connection, type ServerChannel } from 'ssh2';
import { findSftpServer } from '../../scripts/sshd.mjs';

const run = promisify(execFile);

/** An ssh server that is not OpenSSH, with the SFTP server and the commands of this machine. */
export interface OtherSshd {
  readonly port: number;
  /** Its host key, as the line of a `.pub` file, without comment. */
  readonly hostPublicKey: string;
  close(): Promise<void>;
}

/**
 * Starts an ssh2 server that admits one public key. Its name is not OpenSSH's, and its SFTP
 * server announces no limits, so that clients assume the least.
 *
 * @param dir for its host key
 * @param publicKey the line of a `.pub` file
 */
export async function startOtherSshd(dir: string, publicKey: string): Promise<OtherSshd> {
  const sftpServer = await findSftpServer();
  if (sftpServer === undefined) throw new Error('this machine has no sftp-server');
  const keyFile = join(dir, 'other-host-key');
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', keyFile]);
  const children = new Set<ChildProcess>();
  const connections = new Set<Connection>();
  const start = (channel: ServerChannel, program: string, args: readonly string[]): void => {
    const child = spawn(program, args, { stdio: 'pipe' });
    children.add(child);
    let isFirst = true;
    channel.pipe(child.stdin);
    child.stdin.on('error', () => undefined);
    child.stdout.on('data', (bytes: Buffer) => {
      channel.write(isFirst && program === sftpServer ? hideLimits(bytes) : bytes);
      isFirst = false;
    });
    child.stderr.pipe(channel.stderr);
    child.on('close', (code) => {
      children.delete(child);
      channel.exit(code ?? 255);
      channel.end();
    });
    channel.on('close', () => child.kill());
  };
  const server = new Server(
    { hostKeys: [await readFile(keyFile)], ident: 'other_1.0' },
    (client) => {
      connections.add(client);
      client.on('close', () => connections.delete(client));
      client.on('error', () => undefined);
      client.on('authentication', (context) => {
        const known = utils.parseKey(publicKey);
        if (context.method !== 'publickey' || known instanceof Error) context.reject(['publickey']);
        else if (!isSame(context.key.data, known.getPublicSSH())) context.reject();
        else if (!context.signature || !context.blob) context.accept();
        else if (known.verify(context.blob, context.signature, context.hashAlgo)) context.accept();
        else context.reject();
      });
      client.on('session', (accept) => {
        const session = accept();
        session.on('subsystem', (acceptChannel, reject, { name }) => {
          if (name === 'sftp') start(acceptChannel(), sftpServer, []);
          else reject();
        });
        // As sshd does: the user's shell carries out the command.
        session.on('exec', (acceptChannel, _reject, { command }) => {
          start(acceptChannel(), '/bin/sh', ['-c', command]);
        });
      });
    },
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    hostPublicKey: (await readFile(`${keyFile}.pub`, 'utf8')).trim(),
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const client of connections) client.end();
      for (const child of children) child.kill();
      await closed;
    },
  };
}

/** Renames the extension in the answer that lists the extensions. */
function hideLimits(bytes: Buffer): Buffer {
  return Buffer.from(
    bytes.toString('latin1').replace('limits@openssh', 'hidden@openssh'),
    'latin1',
  );
}

function isSame(one: Buffer, other: Buffer): boolean {
  return one.length === other.length && timingSafeEqual(one, other);
}
