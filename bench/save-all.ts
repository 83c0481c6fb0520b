import { Arrivals } from './arrivals.js';
import { now } from './figures.js';
import { measured, type BenchSite } from './site.js';
import { atOnce } from './unreachable-burst.js';

/** Milliseconds until the last save resolved, and from then until everything was there. */
export interface Saved {
  readonly saving: number;
  readonly after: number;
}

export function listNames(count: number, prefix: string): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}-${String(i)}.jpg`);
}

/**
 * Saves files, so many at once.
 *
 * @param save resolves once the file is acknowledged @throws where one does not arrive, or with
 *   other bytes
 */
export async function saveAll(
  { receivers }: BenchSite,
  names: readonly string[],
  make: (name: string) => Buffer | Promise<Buffer>,
  save: (name: string, content: Buffer) => Promise<unknown>,
): Promise<Saved & { readonly contents: ReadonlyMap<string, Buffer> }> {
  // Before the files are made: a rescan may find and send them before they are saved.
  const arrivals = await Arrivals.at(receivers, measured);
  try {
    const arriving = Promise.all(names.map((name) => arrivals.expect(name)));
    arriving.catch(() => undefined);
    const contents = new Map<string, Buffer>();
    for (const name of names) contents.set(name, await make(name));
    const began = now(),
      left = contents.entries();
    const request = async (): Promise<void> => {
      for (const [name, content] of left) await save(name, content);
    };
    await Promise.all(Array.from({ length: atOnce }, request));
    const saved = now();
    const last = Math.max(...(await arriving).flat());
    for (const [name, content] of contents) await arrivals.check(name, content);
    return { saving: saved - began, after: Math.max(0, last - saved), contents };
  } finally {
    arrivals.close();
  }
}
