import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BackendName } from '../../src/model/backend-name.js';
import { run } from '../baselines.js';
import { median, milliseconds, now } from '../figures.js';
import { readCpuSeconds } from '../processor-time.js';
import { listNames, saveAll } from '../save-all.js';
import { measured, untilIdle, writeFresh } from '../site.js';
import type { BackendSite } from './backend-site.js';

export const fileBytes = 50_000;
/** A host gets the history at most every two seconds; a single save meets hosts that are due. */
const aloneEveryMs = 2_300;
/**
 * Saves one after another, for so long that the history of the earlier ones is under way meanwhile:
 * it waits for 5 s at most.
 */
const inSequence = 800;

/** Figures of one kind for each backend: one value a round, of rounds that all backends took. */
export type ByBackend = Partial<Record<BackendName, number[]>>;

export function add(to: ByBackend, { backend }: BackendSite, ...values: number[]): void {
  (to[backend] ??= []).push(...values);
}

/** In turns, each round beginning with another one. */
async function takeTurns(
  sites: readonly BackendSite[],
  rounds: number,
  act: (site: BackendSite, round: number) => Promise<void>,
): Promise<void> {
  for (let round = 0; round < rounds; round++)
    for (let i = 0; i < sites.length; i++) {
      const site = sites[(round + i) % sites.length];
      if (site) await act(site, round);
    }
}

export interface SingleSaves {
  readonly alone: ByBackend;
  readonly history: ByBackend;
  readonly sequence: ByBackend;
}

/** Single saves that meet an idle site, then saves in sequence. */
export async function saveSingly(
  sites: readonly BackendSite[],
  { alone, sequences }: { readonly alone: number; readonly sequences: number },
  say: (line: string) => void,
): Promise<SingleSaves> {
  const found: SingleSaves = { alone: {}, history: {}, sequence: {} };
  await takeTurns(sites, alone, async (site) => {
    // Each save follows the same silence.
    await sleep(aloneEveryMs / sites.length);
    const before = await site.readTips();
    const saved = await site.save(fileBytes);
    add(found.alone, site, saved.took);
    if (!site.keepsHistory) return;
    await site.untilShared(before);
    add(found.history, site, now() - saved.began);
  });
  await takeTurns(sites, sequences, async (site) => {
    for (let i = 0; i < inSequence; i++)
      add(found.sequence, site, (await site.save(fileBytes)).took);
    await site.untilRemembered();
  });
  for (const { backend } of sites)
    say(
      `${backend}: alone ${milliseconds(median(found.alone[backend] ?? []))}, ` +
        `in sequence ${milliseconds(median(found.sequence[backend] ?? []))}`,
    );
  return found;
}

export interface Bursts {
  readonly delivered: ByBackend;
  readonly remembered: ByBackend;
  /** Seconds of all processors, until everything is remembered. */
  readonly cpu: ByBackend;
}

export async function saveBursts(
  sites: readonly BackendSite[],
  saves: number,
  rounds: number,
  say: (line: string) => void,
): Promise<Bursts> {
  const found: Bursts = { delivered: {}, remembered: {}, cpu: {} };
  await takeTurns(sites, rounds, async (site, round) => {
    const { sender, app } = site.site;
    const names = listNames(saves, `burst${String(round)}`);
    await run('sync', []);
    let cpu = 0;
    const { saving, after } = await saveAll(
      site.site,
      names,
      async (name) => {
        const content = await writeFresh(sender, name, fileBytes);
        if (name === names.at(-1)) cpu = readCpuSeconds();
        return content;
      },
      (name) => app.Photo.create({ title: name, file: `${measured}/${name}` }),
    );
    const delivered = now();
    await site.untilRemembered();
    const remembered = saving + after + now() - delivered;
    await untilIdle(app, `${measured}/${names.at(-1) ?? ''}`);
    site.savedBytes += saves * fileBytes;
    add(found.delivered, site, saving + after);
    if (site.keepsHistory) add(found.remembered, site, remembered);
    add(found.cpu, site, readCpuSeconds() - cpu);
    say(
      `${site.backend}: ${String(saves)} files everywhere after ${(saving + after).toFixed(0)} ms, ` +
        `remembered after ${remembered.toFixed(0)} ms`,
    );
  });
  return found;
}

export interface LargeSaves {
  readonly delivered: ByBackend;
  /** Until the history is everywhere, with the bytes if the backend keeps them. */
  readonly remembered: ByBackend;
}

export async function saveLarge(
  sites: readonly BackendSite[],
  megabytes: number,
  rounds: number,
  say: (line: string) => void,
): Promise<LargeSaves> {
  const found: LargeSaves = { delivered: {}, remembered: {} };
  await takeTurns(sites, rounds, async (site, round) => {
    const { sender, receivers, app } = site.site;
    const name = `large-${String(round)}.bin`,
      file = `${measured}/${name}`;
    await mkdir(sender.path(measured), { recursive: true });
    const sha256 = await writeLarge(sender.path(file), megabytes);
    await run('sync', []);
    const before = await site.readTips();
    const arriving = site.arrivals.expect(name);
    const began = now();
    await app.Photo.create({ title: name, file });
    const took = Math.max(...(await arriving)) - began;
    add(found.delivered, site, took);
    site.savedBytes += megabytes * 1_000_000;
    if (site.keepsHistory) {
      await site.untilShared(before);
      await site.untilKept(megabytes * 1_000_000, sha256);
      add(found.remembered, site, now() - began);
    }
    await untilIdle(app, file);
    for (const receiver of receivers)
      if ((await hashOf(receiver.path(file))) !== sha256)
        throw new Error(`${receiver.path(file)} has other bytes than were sent`);
    say(`${site.backend}: ${String(megabytes)} MB everywhere after ${took.toFixed(0)} ms`);
  });
  return found;
}

/** @returns its sha256 */
async function writeLarge(path: string, megabytes: number): Promise<string> {
  const hash = createHash('sha256');
  const file = await open(path, 'w');
  try {
    const block = randomBytes(1_000_000);
    for (let i = 0; i < megabytes; i++) {
      block.writeUInt32LE(i, 0);
      hash.update(block);
      await file.write(block);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return hash.digest('hex');
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  return hash.digest('hex');
}
