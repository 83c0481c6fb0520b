import { randomUUID } from 'node:crypto';
import type { DoctorCheck } from '../api/reports.js';
import { getErrorMessage, SyncMediaError } from '../model/errors.js';
import type { HostId } from '../model/host.js';
import type { SyncDir } from '../model/sync-dir.js';
import { areas } from '../replica/areas.js';
import { mapConcurrently } from '../util/map-concurrently.js';
import { reportFailed, reportInfo, reportOk, type CheckResult } from './check.js';

const requestTimeoutMs = 10_000,
  requestsAtOnce = 4,
  maxAnswerBytes = 4_096,
  maxDirs = 20;

/**
 * A server may decode the second one only after it has compared it with its rules. Some disks take
 * the third one for the first.
 */
const folderSpellings = ['.syncmedia', '%2Esyncmedia', '.SYNCMEDIA'];

/**
 * Asks the public site for the marker of each sync dir, and for a missing file. A web server that
 * serves a sync dir itself publishes the trash and the conflicts, unless it is told to refuse
 * `.syncmedia`.
 *
 * @param url the public address of the application: `https://www.example.com`
 * @throws BAD_OPTION
 */
export async function checkSite(
  url: string,
  dirs: readonly SyncDir[],
  hosts: readonly HostId[],
): Promise<DoctorCheck[]> {
  const base = parseSiteUrl(url);
  const checks = await mapConcurrently(dirs.slice(0, maxDirs), 1, async ({ path }) => ({
    name: `public site: ${path}`,
    ...(await checkDir(base, path, hosts).catch((error: unknown) =>
      reportFailed(
        `${base.origin} cannot be asked: ${describeFetchError(error)}`,
        'give the address at which visitors reach the site, as https://www.example.com',
      ),
    )),
  }));
  const unasked = dirs.length - checks.length;
  if (unasked > 0)
    checks.push({
      name: 'public site',
      ...reportInfo(`${String(unasked)} more sync dirs were not asked for`),
    });
  return checks;
}

async function checkDir(base: URL, dir: string, hosts: readonly HostId[]): Promise<CheckResult> {
  const places = listPublicPlaces(dir);
  const markers = places.flatMap((place) =>
    folderSpellings.map((folder) => join(base, `${place}/${folder}/id`)),
  );
  const found = await mapConcurrently(markers, requestsAtOnce, async (address) => {
    const { status, text } = await ask(address);
    return status === 200 && hosts.some((host) => text.includes(host)) ? address : undefined;
  });
  const open = found.find((address) => address !== undefined);
  if (open !== undefined)
    return reportFailed(
      `everybody can read ${open}, and with it the trash and the conflicts beside it`,
      'let the web server refuse it before anything else; for nginx: ' +
        '`location ~* /\\.syncmedia(/|$) { return 404; }`',
    );
  const kept = await mapConcurrently(places, requestsAtOnce, async (place) => {
    const address = join(base, `${place}/${randomUUID()}.jpg`);
    const { status, cacheControl } = await ask(address);
    return status === 404 && /(?:max-age|s-maxage)=[1-9]/.test(cacheControl)
      ? `${address} is answered with 404 and Cache-Control: ${cacheControl}`
      : undefined;
  });
  const cached = kept.find((what) => what !== undefined);
  return cached === undefined
    ? reportOk(`${areas.marker} is not public, as far as ${base.origin} says`)
    : reportInfo(
        `${cached}, so caches go on saying so after the file has come`,
        'answer missing files with Cache-Control: no-store',
      );
}

/**
 * Lists the paths at which a site may serve a sync dir: the whole path, or its last segments, if
 * a server maps an address to a directory.
 */
function listPublicPlaces(dir: string): string[] {
  const segments = dir.split('/');
  return segments.map((_, index) =>
    segments
      .slice(index)
      .map((segment) => encodeURIComponent(segment))
      .join('/'),
  );
}

async function ask(
  address: string,
): Promise<{ status: number; text: string; cacheControl: string }> {
  const answer = await fetch(address, {
    signal: AbortSignal.timeout(requestTimeoutMs),
    headers: { Accept: '*/*' },
  });
  let text = '';
  const decoder = new TextDecoder();
  for await (const bytes of (answer.body ?? []) as AsyncIterable<Uint8Array>) {
    text += decoder.decode(bytes, { stream: true });
    if (text.length > maxAnswerBytes) break;
  }
  return { status: answer.status, text, cacheControl: answer.headers.get('cache-control') ?? '' };
}

function join(base: URL, path: string): string {
  return `${base.origin}${base.pathname.replace(/\/+$/, '')}/${path}`;
}

function parseSiteUrl(url: string): URL {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed && ['http:', 'https:'].includes(parsed.protocol) && parsed.username === '')
    return parsed;
  throw new SyncMediaError(
    'BAD_OPTION',
    `the url ${JSON.stringify(url.slice(0, 200))} is no address of a site: give it as ` +
      `https://www.example.com`,
  );
}

/** The reason of a failed `fetch` is in its cause. */
function describeFetchError(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && cause.message !== '' ? cause.message : getErrorMessage(error);
}
