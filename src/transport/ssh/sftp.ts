import type { FileEntryWithStats, InputAttributes, SFTPWrapper, Stats } from 'ssh2';
import { hasErrorCode, SyncMediaError } from '../../model/errors.js';
import { toSftpError } from './sftp-errors.js';

type SftpCallback<T> = (error: Error | null | undefined, value: T) => void;
type SftpDone = (error?: Error | null) => void;

/** ssh2's limit for servers that are not OpenSSH and announce none, so that all accept it. */
const SMALLEST_MAX_WRITE_BYTES = 31_952;

/**
 * The SFTP requests that we use, as promises, each with a timeout. They reject with the server's
 * answer, so that callers can read its status. A missing answer rejects with TIMED_OUT, a missing
 * extension with NO_SFTP.
 */
export class Sftp {
  private closed = false;
  /** Why we ended the connection. All requests on it fail with this error. */
  private endError: SyncMediaError | undefined;
  private canReplaceResult: Promise<boolean> | undefined;

  /**
   * @param timeoutMs for one answer
   * @param hooks `endConnection`: called when the connection is of no more use; `beforeRequest`:
   *   called before a request is written
   */
  constructor(
    private readonly wrapper: SFTPWrapper,
    private readonly host: string,
    readonly timeoutMs: number,
    private readonly hooks: { endConnection(): void; beforeRequest(): void },
  ) {
    wrapper.on('close', () => {
      this.closed = true;
    });
  }

  lstat(path: string): Promise<Stats> {
    return this.request((done) => {
      this.wrapper.lstat(path, done);
    });
  }
  stat(path: string): Promise<Stats> {
    return this.request((done) => {
      this.wrapper.stat(path, done);
    });
  }
  realPath(path: string): Promise<string> {
    return this.request((done) => {
      this.wrapper.realpath(path, done);
    });
  }
  openDirectory(path: string): Promise<Buffer> {
    return this.request((done) => {
      this.wrapper.opendir(path, done);
    });
  }
  readDirectory(handle: Buffer): Promise<FileEntryWithStats[]> {
    return this.request((done) => {
      this.wrapper.readdir(handle, done);
    });
  }
  makeDirectory(path: string, mode: number): Promise<void> {
    return this.requestDone((done) => {
      this.wrapper.mkdir(path, { mode }, done);
    });
  }
  removeDirectory(path: string): Promise<void> {
    return this.requestDone((done) => {
      this.wrapper.rmdir(path, done);
    });
  }
  remove(path: string): Promise<void> {
    return this.requestDone((done) => {
      this.wrapper.unlink(path, done);
    });
  }
  chmod(path: string, mode: number): Promise<void> {
    return this.requestDone((done) => {
      this.wrapper.chmod(path, mode, done);
    });
  }
  link(from: string, to: string): Promise<void> {
    return this.requestDone((done) => {
      this.wrapper.ext_openssh_hardlink(from, to, done);
    });
  }
  /** Renames a file and replaces nothing. */
  renameToFree(from: string, to: string): Promise<void> {
    return this.requestDone((done) => {
      this.wrapper.rename(from, to, done);
    });
  }
  /** Renames a file and replaces one at `to`. */
  rename(from: string, to: string): Promise<void> {
    return this.requestDone((done) => {
      this.wrapper.ext_openssh_rename(from, to, done);
    });
  }

  open(path: string, flags: 'r' | 'wx', mode?: number): Promise<Buffer> {
    return this.request((done) => {
      if (mode === undefined) this.wrapper.open(path, flags, done);
      else this.wrapper.open(path, flags, { mode }, done);
    });
  }

  fstat(handle: Buffer): Promise<Stats> {
    return this.request((done) => {
      this.wrapper.fstat(handle, done);
    });
  }
  setAttributes(handle: Buffer, attributes: InputAttributes): Promise<void> {
    return this.requestDone((done) => {
      this.wrapper.fsetstat(handle, attributes, done);
    });
  }
  flush(handle: Buffer): Promise<void> {
    return this.requestDone((done) => {
      this.wrapper.ext_openssh_fsync(handle, done);
    });
  }
  close(handle: Buffer): Promise<void> {
    return this.requestDone((done) => {
      this.wrapper.close(handle, done);
    });
  }
  write(handle: Buffer, bytes: Buffer, position: number): Promise<void> {
    return this.requestDone((done) => {
      this.wrapper.write(handle, bytes, 0, bytes.length, position, done);
    });
  }
  /**
   * The most bytes of one write request. ssh2 splits a larger one, and sends the rest only when
   * the first part is answered: behind the requests that were sent meanwhile, such as `close`.
   */
  get maxWriteBytes(): number {
    // ssh2 keeps it to itself: what the server announced (`limits@openssh.com`), or its default.
    const { _maxWriteLen: limit } = this.wrapper as { _maxWriteLen?: unknown };
    return typeof limit === 'number' && limit > 0 ? limit : SMALLEST_MAX_WRITE_BYTES;
  }
  /** Returns how many bytes were read; 0 at the end. */
  read(handle: Buffer, into: Buffer, position: number): Promise<number> {
    return this.request((done) => {
      this.wrapper.read(handle, into, 0, into.length, position, done);
    });
  }

  /**
   * Bytes that this user can still write to the file system of `path`; undefined if the server
   * does not tell.
   */
  async freeBytes(path: string): Promise<number | undefined> {
    try {
      const answer = await this.request<unknown>((done) => {
        this.wrapper.ext_openssh_statvfs(path, done);
      });
      const {
        f_bavail: blocks,
        f_frsize: size,
        f_ffree: files,
        f_files: allFiles,
      } = answer as Record<string, unknown>;
      if (Number(allFiles) > 0 && Number(files) === 0) return 0;
      const free = Number(blocks) * Number(size);
      return Number.isFinite(free) ? free : undefined;
    } catch (error) {
      if (error instanceof SyncMediaError && error.code !== 'NO_SFTP') throw error;
      return undefined;
    }
  }

  /** Whether a rename there can replace a file. Asked once. */
  canReplace(): Promise<boolean> {
    // Both names are invalid. A server that knows the request says so.
    this.canReplaceResult ??= this.rename('', '').then(
      () => true,
      (error: unknown) => !hasErrorCode(error, 'NO_SFTP'),
    );
    return this.canReplaceResult;
  }

  /**
   * Ends the connection to a host that answers as no honest server does.
   *
   * @returns the error to throw
   */
  refuse(doing: string): SyncMediaError {
    return this.end(
      new SyncMediaError(
        'REPLY_TOO_LARGE',
        `${this.host} ${doing}: no honest server does that. The connection was ended.`,
      ),
    );
  }

  private end(why: SyncMediaError): SyncMediaError {
    this.endError ??= why;
    this.hooks.endConnection();
    return this.endError;
  }

  private requestDone(request: (done: SftpDone) => void): Promise<void> {
    return this.request<void>((done) => {
      request((error) => {
        done(error, undefined);
      });
    });
  }

  private request<T>(request: (done: SftpCallback<T>) => void): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.closed) {
        reject(
          this.endError ??
            new SyncMediaError('HOST_UNREACHABLE', `The connection to ${this.host} broke.`),
        );
        return;
      }
      const timer = setTimeout(() => {
        reject(
          this.end(
            new SyncMediaError(
              'TIMED_OUT',
              `${this.host} did not answer for ${this.timeoutMs} ms.`,
            ),
          ),
        );
      }, this.timeoutMs);
      try {
        this.hooks.beforeRequest();
        request((error, value) => {
          clearTimeout(timer);
          if (error) reject(this.endError ?? error);
          else resolve(value);
        });
      } catch (error) {
        clearTimeout(timer);
        // ssh2 throws at once if the server did not offer an extension.
        reject(
          error instanceof Error && error.message.includes('extended request')
            ? new SyncMediaError(
                'NO_SFTP',
                `The SFTP server of ${this.host} lacks an extension of OpenSSH's that is needed.`,
                { cause: error },
              )
            : toSftpError(error, this.host),
        );
      }
    });
  }
}
