import { randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { until } from '../harness/wait.js';

export interface LoadOptions {
  readonly uploads: number;
  readonly reads: number;
  /** Where uploads go, and where files are read; one of them is taken at random. */
  readonly uploadTo: readonly string[];
  readonly readFrom: readonly string[];
  /** Requests under way at any time. Default 6. */
  readonly clients?: number;
}

export interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

/** Requests of one kind with one result: how many, and whether all hosts were up meanwhile. */
export type Counts = Record<string, number>;

/**
 * Uploads to the example site and reads of what it acknowledged, by clients that never retry and
 * use each connection once. Every result is counted by its cause.
 */
export class Load {
  readonly counts: Counts = {};
  /** The acknowledged uploads, by path. */
  readonly acknowledged = new Map<string, Buffer>();
  /** Requests that have ended. */
  done = 0;
  private begun = 0;
  private phase = 'all up';
  private readonly paths: string[] = [];

  constructor(private readonly options: LoadOptions) {}

  /** From now on results are counted as of this phase. */
  enter(phase: string): void {
    this.phase = phase;
  }

  /**
   * Sends requests until so many have begun, all of them by default, and waits for their ends.
   *
   * @param isOver further requests are sent until this holds, too
   */
  async run(upTo = Infinity, isOver = (): boolean => true): Promise<void> {
    const { clients = 6, uploads, reads } = this.options;
    const end = Math.min(upTo, uploads + reads);
    const work = (): Promise<void> => this.work(() => this.begun >= end && isOver());
    await Promise.all(Array.from({ length: clients }, work));
  }

  /** How many had a result, in any phase. */
  total(result: string): number {
    return this.sum((what) => what.endsWith(`: ${result}`));
  }

  /** How many of a kind ended, with any result. */
  sent(kind: 'upload' | 'read'): number {
    return this.sum((what) => what.includes(`: ${kind} `));
  }

  private sum(isCounted: (what: string) => boolean): number {
    return Object.entries(this.counts)
      .filter(([what]) => isCounted(what))
      .reduce((sum, [, count]) => sum + count, 0);
  }

  private async work(isOver: () => boolean): Promise<void> {
    const { uploads, reads } = this.options;
    const every = Math.round((uploads + reads) / uploads);
    while (!isOver()) {
      const turn = this.begun++;
      const before = this.phase;
      const result = turn % every === 0 ? await this.upload() : await this.read();
      // A request that began while all were up may have met the change.
      const phase = before === this.phase ? before : 'one down';
      const what = `${phase}: ${result}`;
      this.counts[what] = (this.counts[what] ?? 0) + 1;
      this.done++;
    }
  }

  private async upload(): Promise<string> {
    const content = randomBytes(2_000 + Math.floor(Math.random() * 18_000));
    const answer = await uploadPicture(pick(this.options.uploadTo), content).catch(nameFailure);
    if (typeof answer === 'string') return `upload ${answer}`;
    if (answer.status === 201) {
      const { file } = JSON.parse(answer.body.toString()) as { file: string };
      this.acknowledged.set(file, content);
      this.paths.push(file);
    }
    return `upload ${String(answer.status)}`;
  }

  /** Half of the reads ask for one of the newest, which are on their way. */
  private async read(): Promise<string> {
    await until(() => this.paths.length > 0, { what: 'the first upload' });
    const from = Math.random() < 0.5 ? Math.max(0, this.paths.length - 10) : 0;
    const path = this.paths[from + Math.floor(Math.random() * (this.paths.length - from))] ?? '';
    const answer = await get(`${pick(this.options.readFrom)}/${path}`).catch(nameFailure);
    if (typeof answer === 'string') return `read ${answer}`;
    const isRight = answer.status !== 200 || this.acknowledged.get(path)?.equals(answer.body);
    return isRight ? `read ${String(answer.status)}` : 'read other bytes';
  }
}

const pick = (from: readonly string[]): string =>
  from[Math.floor(Math.random() * from.length)] ?? '';

function nameFailure(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ECONNREFUSED' ? 'refused' : code === 'ECONNRESET' ? 'broken off' : String(error);
}

/** One GET on a connection of its own. */
export function get(url: string): Promise<Answer & { headers: NodeJS.Dict<string | string[]> }> {
  return send(url, 'GET', {}, undefined);
}

export function uploadPicture(url: string, content: Uint8Array): Promise<Answer> {
  const boundary = `boundary-${randomBytes(12).toString('hex')}`;
  const body = Buffer.concat([
    Buffer.from(
      `--${boundary}\r\nContent-Disposition: form-data; name="title"\r\n\r\na picture\r\n` +
        `--${boundary}\r\nContent-Disposition: form-data; name="picture"; filename="a.jpg"\r\n` +
        'Content-Type: image/jpeg\r\n\r\n',
    ),
    content,
    Buffer.from(`\r\n--${boundary}--\r\n`),
  ]);
  const headers = {
    'content-type': `multipart/form-data; boundary=${boundary}`,
    'content-length': String(body.length),
  };
  return send(`${url}/photos`, 'POST', headers, body);
}

function send(
  url: string,
  method: string,
  headers: Record<string, string>,
  body: Buffer | undefined,
): Promise<Answer & { headers: NodeJS.Dict<string | string[]> }> {
  // Not `new URL`: it would tidy the path up.
  const [, host = '', port = '', path = ''] = /^http:\/\/([^:/]+):(\d+)(.*)$/.exec(url) ?? [];
  return new Promise((resolve, reject) => {
    const options = { host, port, path, method, headers, agent: false, timeout: 60_000 };
    const asked = request(options, (response) => {
      const chunks: Buffer[] = [];
      response
        .on('data', (bytes: Buffer) => chunks.push(bytes))
        .on('error', reject)
        .on('end', () => {
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(chunks),
          });
        });
    });
    asked
      .on('timeout', () => asked.destroy(new Error('no answer within a minute')))
      .on('error', reject)
      .end(body);
  });
}
