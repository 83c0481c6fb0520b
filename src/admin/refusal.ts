import type { refusalCatalogue } from '../model/error-catalogue.js';

type RefusalCode = keyof typeof refusalCatalogue | 'UNAUTHORIZED' | 'FORBIDDEN' | 'BAD_REQUEST';

/** A refused request: the answer, as an error. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  constructor(
    readonly status: number,
    readonly code: RefusalCode,
    message: string,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
  }
}
