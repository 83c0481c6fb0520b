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

type Query = Readonly<Record<string, string | number | undefined>>;

/** The router may have to ask another host, which it allows several seconds. */
const timeoutMs = 60_000;

/** Asks the router below which the page lies; addresses are relative to the page's. */
export class Api {
  /** Called when an answer says that nobody is signed in. */
  onSignedOut: () => void = () => undefined;

  get<T>(address: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
    const given = Object.entries(query).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, String(value)]],
    );
    const search = new URLSearchParams(given).toString();
    return this.ask<T>('GET', search === '' ? address : `${address}?${search}`, undefined, signal);
  }

  send<T>(
    method: 'POST' | 'PATCH' | 'DELETE',
    address: string,
    body: object = {},
    signal?: AbortSignal,
  ): Promise<T> {
    return this.ask<T>(method, address, JSON.stringify(body), signal);
  }

  private async ask<T>(
    method: string,
    address: string,
    body?: string,
    signal?: AbortSignal,
  ): Promise<T> {
    const limit = AbortSignal.timeout(timeoutMs);
    const response = await fetch(address, {
      method,
      headers: {
        Accept: 'application/json',
        ...(body !== undefined && { 'Content-Type': 'application/json' }),
      },
      ...(body !== undefined && { body }),
      cache: 'no-store',
      credentials: 'same-origin',
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    }).catch((error: unknown) => {
      if (signal?.aborted) throw error;
      throw new ApiError(0, limit.aborted ? texts.tookTooLong : texts.noAnswer);
    });
    const text = await response.text();
    if (response.ok) return (text === '' ? undefined : JSON.parse(text)) as T;
    const error = readError(response.status, text);
    if (error.status === 401 && address !== 'session') this.onSignedOut();
    throw error;
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

/** An address below the router, each segment encoded. */
export function addressOf(...segments: string[]): string {
  return segments.map(encodeURIComponent).join('/');
}

/** The bytes of an earlier version. */
export function contentAddress(path: string, revision: string): string {
  return `history/content?${new URLSearchParams({ path, at: revision }).toString()}`;
}
