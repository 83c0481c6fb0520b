import { ApiError, readAnswer } from './read-answer.js';
import { texts } from './texts.js';

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
    const explain = (error: unknown): never => {
      if (signal?.aborted) throw error;
      throw new ApiError(0, limit.aborted ? texts.tookTooLong : texts.noAnswer);
    };
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
    }).catch(explain);
    const text = await response.text().catch(explain);
    if (response.status === 401 && address !== 'session') this.onSignedOut();
    return readAnswer(response, text) as T;
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
