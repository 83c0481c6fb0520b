import { createHash, generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import type * as Ssh2 from 'ssh2';

const {
  Server,
  utils: {
    parseKey,
    sftp: { STATUS_CODE },
  },
} = createRequire(import.meta.url)('ssh2') as typeof Ssh2;

const isDirectory = 0o040755,
  isFile = 0o100644;

/**
 * How a host answers that was taken over: a real SSH server with a file system that its owner makes
 * up.
 */
export interface Behaviour {
  /** Bytes of a file; undefined: a directory lies there. */
  sizeOf(path: string): number | undefined;
  /** Its answer to one READ, and the delay in milliseconds. */
  read(
    path: string,
    offset: number,
    length: number,
  ): { readonly bytes: Buffer; readonly afterMs: number };
  /** The next names in a directory; undefined at its end. Left out: every directory is empty. */
  list?(path: string): readonly string[] | undefined;
  /** Modification time of every file, in seconds. */
  readonly mtime: number;
}

export interface EvilHost {
  readonly port: number;
  /** Its host key, as a line of a .pub file. */
  readonly hostKey: string;
  /** READ requests that it has got so far. */
  reads(): number;
  /** Files that were opened and not closed yet. */
  openFiles(): number;
  close(): Promise<void>;
}

/** Starts such a host on loopback. Anybody may log in. */
export async function startEvilHost(behaviour: Behaviour): Promise<EvilHost> {
  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
    publicKeyEncoding: { type: 'pkcs1', format: 'pem' },
  });
  const parsed = parseKey(privateKey);
  if (parsed instanceof Error) throw parsed;
  const clients = new Set<Ssh2.Connection>(),
    timers = new Set<NodeJS.Timeout>();
  let reads = 0,
    openFiles = 0;
  const attributes = (size: number | undefined): Ssh2.Attributes => ({
    mode: size === undefined ? isDirectory : isFile,
    uid: 0,
    gid: 0,
    size: size ?? 0,
    atime: behaviour.mtime,
    mtime: behaviour.mtime,
  });
  const server = new Server({ hostKeys: [privateKey] }, (client) => {
    clients.add(client);
    client
      .on('error', () => undefined)
      .on('close', () => {
        clients.delete(client);
      });
    client.on('authentication', (login) => {
      login.accept();
    });
    client.on('session', (accept) => {
      accept().on('sftp', (acceptSftp) => {
        const sftp = acceptSftp();
        const opened = new Map<number, string>();
        let handles = 0;
        const stat = (id: number, path: string): void => {
          sftp.attrs(id, attributes(behaviour.sizeOf(path)));
        };
        sftp.on('STAT', stat).on('LSTAT', stat);
        sftp.on('REALPATH', (id, path) => {
          sftp.name(id, [{ filename: path, longname: path, attrs: attributes(undefined) }]);
        });
        const open = (id: number, path: string): void => {
          const handle = Buffer.alloc(4);
          handle.writeUInt32BE(++handles);
          opened.set(handles, path);
          openFiles++;
          sftp.handle(id, handle);
        };
        sftp.on('OPEN', open).on('OPENDIR', open);
        sftp.on('READDIR', (id, handle) => {
          const names = behaviour.list?.(opened.get(handle.readUInt32BE()) ?? '');
          if (names)
            sftp.name(
              id,
              names.map((filename) => ({ filename, longname: '', attrs: attributes(1) })),
            );
          else sftp.status(id, STATUS_CODE.EOF);
        });
        sftp.on('FSTAT', (id, handle) => {
          stat(id, opened.get(handle.readUInt32BE()) ?? '');
        });
        sftp.on('READ', (id, handle, offset, length) => {
          reads++;
          const { bytes, afterMs } = behaviour.read(
            opened.get(handle.readUInt32BE()) ?? '',
            offset,
            length,
          );
          const timer = setTimeout(() => {
            timers.delete(timer);
            sftp.data(id, bytes);
          }, afterMs);
          timers.add(timer);
        });
        // It goes on reading from a file that was closed.
        sftp.on('CLOSE', (id) => {
          openFiles--;
          sftp.status(id, STATUS_CODE.OK);
        });
      });
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    hostKey: `${parsed.type} ${parsed.getPublicSSH().toString('base64')}`,
    reads: () => reads,
    openFiles: () => openFiles,
    async close() {
      for (const timer of timers) clearTimeout(timer);
      for (const client of clients) client.end();
      await new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
      });
    },
  };
}

/** The sha256 that the ledger has of a file of so many zeros. */
export function sha256OfZeros(size: number): string {
  return createHash('sha256').update(Buffer.alloc(size)).digest('hex');
}
