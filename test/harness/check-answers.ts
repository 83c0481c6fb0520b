import { type IncomingMessage, ServerResponse } from 'node:http';
import { afterEach } from 'vitest';

/** An answer of the admin router, in any test of this process. */
interface SentAnswer {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

/** Files that share a process load this module anew, and wrap `end` only once. */
const shared = globalThis as { syncmediaAnswers?: SentAnswer[] };
const sent = (shared.syncmediaAnswers ??= wrapEnd());

/**
 * Checks every answer of the router against the description that its route gives of it. OpenAPI is
 * generated from the same descriptions.
 */
afterEach(async () => {
  const answers = sent.splice(0);
  if (answers.length === 0) return;
  const { findFault } = await import('./find-answer-fault.js');
  const faults = answers.flatMap((answer) => {
    const fault = findFault(answer);
    return fault === undefined
      ? []
      : [`${answer.method} ${answer.path}, ${String(answer.status)}: ${fault}`];
  });
  if (faults.length > 0)
    throw new Error(
      `answers of the router that their routes do not describe:\n${faults.join('\n')}`,
    );
});

function wrapEnd(): SentAnswer[] {
  const answers: SentAnswer[] = [];
  const { end } = ServerResponse.prototype;
  ServerResponse.prototype.end = function (
    this: ServerResponse & { req: IncomingMessage },
    ...args: unknown[]
  ) {
    const [body] = args;
    // The router alone sends these two.
    if (
      this.getHeader('Cross-Origin-Opener-Policy') === 'same-origin' &&
      this.getHeader('X-Frame-Options') === 'DENY'
    ) {
      answers.push({
        method: this.req.method ?? '',
        path: (this.req.url ?? '').replace(/\?.*$/s, ''),
        status: this.statusCode,
        type: String(this.getHeader('Content-Type') ?? ''),
        text: typeof body === 'string' || Buffer.isBuffer(body) ? body.toString() : '',
      });
    }
    return Reflect.apply(end, this, args) as ServerResponse;
  } as typeof end;
  return answers;
}

export type { SentAnswer };
