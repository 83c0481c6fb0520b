import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { createGunzip } from 'node:zlib';
import * as v from 'valibot';
import { eventSchemas } from '../../src/admin/answers/live-events.js';
import { expectGone } from '../harness/leftovers.js';
import { until } from '../harness/wait.js';

interface ReceivedEvent {
  readonly name: string;
  readonly id: string | undefined;
  readonly data: unknown;
}

/** Reads server-sent events as a browser does, and checks their data. */
export class EventClient {
  readonly events: ReceivedEvent[] = [];
  text = '';
  isOver = false;
  private partial = '';
  private readonly gone = expectGone('an event client', async () => {
    this.close();
  });

  private constructor(private readonly response: IncomingMessage) {
    const isCompressed = response.headers['content-encoding'] === 'gzip';
    const body = isCompressed ? response.pipe(createGunzip()) : response;
    body.setEncoding('utf8');
    body.on('data', (chunk: string) => {
      this.receive(chunk);
    });
    body.on('error', () => undefined);
    response.on('error', () => undefined);
    response.on('close', () => {
      this.isOver = true;
      this.gone();
    });
  }

  static async open(url: string, headers: Record<string, string> = {}): Promise<EventClient> {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      request(url, { agent: false, headers }, resolve).on('error', reject).end();
    });
    return new EventClient(response);
  }

  get status(): number | undefined {
    return this.response.statusCode;
  }
  get headers(): IncomingHttpHeaders {
    return this.response.headers;
  }

  /** Waits for the first event of this name after the first `skip` ones of any name. */
  async waitFor(name: string, skip = 0): Promise<ReceivedEvent> {
    return until(() => this.events.slice(skip).find((event) => event.name === name), {
      what: `the event ${name}`,
    });
  }

  async waitForEnd(): Promise<void> {
    await until(() => this.isOver, { what: 'the end of the stream' });
  }

  pause(): void {
    this.response.pause();
  }
  resume(): void {
    this.response.resume();
  }
  close(): void {
    this.response.destroy();
  }

  private receive(chunk: string): void {
    this.text += chunk;
    const blocks = (this.partial + chunk).split('\n\n');
    this.partial = blocks.pop() ?? '';
    for (const block of blocks) {
      const fields = new Map(
        block.split('\n').map((line) => {
          const [field = '', value = ''] = line.split(/: ?(.*)/s);
          return [field, value];
        }),
      );
      const name = fields.get('event');
      if (name === undefined) continue;
      const data: unknown = JSON.parse(fields.get('data') ?? '');
      v.parse(eventSchemas[name as keyof typeof eventSchemas], data);
      this.events.push({ name, id: fields.get('id'), data });
    }
  }
}
