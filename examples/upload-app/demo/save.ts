import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename, extname } from 'node:path';
import type { DemoHost } from './host.js';
import { waitFor } from './wait.js';

/**
 * A picture saved on one host: the addresses of its files, and the sha256 of what they must be
 * everywhere.
 */
export interface Saved {
  on: DemoHost;
  title: string;
  files: { what: 'picture' | 'thumbnail'; address: string; sha256: string }[];
  /** When the save was answered, on this process's monotonic clock. */
  at: number;
}

/** What became of one file on another host, and after how long. */
export interface Arrival {
  what: 'picture' | 'thumbnail';
  ms: number;
  state: 'identical' | 'different' | 'missing';
}

/** Uploads as a visitor's browser does. */
export async function savePicture(on: DemoHost, file: string, signal: AbortSignal): Promise<Saved> {
  const bytes = await readFile(file);
  const title = basename(file, extname(file));
  const form = new FormData();
  form.append('title', title);
  form.append('picture', new Blob([bytes], { type: 'image/jpeg' }), basename(file));
  const response = await fetch(`${on.url}/photos`, {
    method: 'POST',
    body: form,
    headers: { accept: 'application/json' },
    signal: AbortSignal.any([signal, AbortSignal.timeout(30_000)]),
  });
  const at = performance.now();
  if (response.status !== 201)
    throw new Error(
      `${on.name} did not save ${title}: ${String(response.status)} ${await response.text()}`,
    );
  const { picture, thumbnail } = (await response.json()) as { picture: string; thumbnail: string };
  const small = await getFile(on, thumbnail, signal);
  if (!small) throw new Error(`${on.name} made no thumbnail of ${title}`);
  return {
    on,
    title,
    at,
    // The picture is compared with what was uploaded, not with what the first host made of it.
    files: [
      { what: 'picture', address: picture, sha256: hash(bytes) },
      { what: 'thumbnail', address: thumbnail, sha256: hash(small) },
    ],
  };
}

export interface Waiting {
  signal: AbortSignal;
  /** What the times count from, on the clock of `Saved.at`. */
  since: number;
  /** Milliseconds after `since`. */
  timeout: number;
}

/** Asks `host` for the files as a visitor does, until it has them or the time is over. */
export async function awaitArrivals(
  saved: Saved,
  host: DemoHost,
  { signal, since, timeout }: Waiting,
): Promise<Arrival[]> {
  return Promise.all(
    saved.files.map(async ({ what, address, sha256 }): Promise<Arrival> => {
      const left = Math.max(0, since + timeout - performance.now());
      const bytes = await waitFor(() => getFile(host, address, signal), {
        timeout: left,
        interval: 5,
        signal,
      });
      const ms = performance.now() - since;
      return {
        what,
        ms,
        state: bytes === undefined ? 'missing' : hash(bytes) === sha256 ? 'identical' : 'different',
      };
    }),
  );
}

/** Undefined while the host does not have it, or does not answer. */
async function getFile(
  host: DemoHost,
  address: string,
  signal: AbortSignal,
): Promise<Buffer | undefined> {
  const asked = AbortSignal.any([signal, AbortSignal.timeout(10_000)]);
  const response = await fetch(`${host.url}${address}`, { signal: asked }).catch(() => undefined);
  if (response?.status !== 200) {
    await response?.body?.cancel();
    return undefined;
  }
  return Buffer.from(await response.arrayBuffer());
}

const hash = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
