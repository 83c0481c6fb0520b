import { texts } from './texts.js';

/** An answer of the router that is no success, or none at all (`status` 0). */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  constructor(
    readonly status: number,
    message: string,
    readonly code?: string,
    readonly remedy?: string,
  ) {
    super(message);
  }
}

/**
 * Reads the answer of the router.
 *
 * @throws ApiError
 */
export function readAnswer(
  { ok, status }: { readonly ok: boolean; readonly status: number },
  text: string,
): unknown {
  if (!ok) throw readError(status, text);
  return parseSuccess(status, text);
}

/** A proxy that wants its own sign-in answers with a page of its own, and says that all is well. */
function parseSuccess(status: number, text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw new ApiError(status, texts.answeredByOther, undefined, texts.answeredByOtherRemedy);
  }
}

function readError(status: number, text: string): ApiError {
  const { error = {} } = parse(text) as {
    error?: { code?: unknown; message?: unknown; remedy?: unknown };
  };
  const read = (value: unknown): string | undefined =>
    typeof value === 'string' && value !== '' ? value : undefined;
  // A proxy in front answers in its own words, which are no use here.
  const message = read(error.message) ?? texts.answeredWith(status);
  return new ApiError(status, message, read(error.code), read(error.remedy));
}

function parse(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}
