import { createHash } from 'node:crypto';
import type { AdminAnswer } from '../admin-route.js';

/**
 * A file of the admin page. `name` contains a hash of the text, except that of `index.html`.
 */
export interface PageAsset {
  readonly name: string;
  readonly type: string;
  readonly text: string;
}

/** Allow the page its own files and the router, and nothing else. They replace those of the app. */
const pageHeaders = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; " +
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
    "require-trusted-types-for 'script'",
};
const shellHeaders = { ...pageHeaders, Vary: 'Accept' };
/** The name changes with the text. */
const assetCaching = { 'Cache-Control': 'public, max-age=31536000, immutable' };

const shellName = 'index.html';

/** The admin page as the router sends it. It contains no data, so it needs no sign-in. */
export class PageFiles {
  readonly shell: AdminAnswer | undefined;
  private readonly assets: ReadonlyMap<string, AdminAnswer & { readonly etag: string }>;
  /** The same files by their names without the hash. */
  private readonly current: ReadonlyMap<string, AdminAnswer>;

  constructor(assets: readonly PageAsset[]) {
    const shell = assets.find(({ name }) => name === shellName);
    this.shell = shell && { ...answerAsset(shell), headers: shellHeaders };
    const files = assets.filter((asset) => asset !== shell);
    this.current = new Map(
      files.map((asset) => [
        omitHash(asset.name) ?? asset.name,
        { ...answerAsset(asset), headers: pageHeaders },
      ]),
    );
    this.assets = new Map(
      files.map((asset) => {
        const etag = `"${createHash('sha256').update(asset.text).digest('base64url')}"`;
        const headers = { ...pageHeaders, ...assetCaching, ETag: etag };
        return [asset.name, { ...answerAsset(asset), headers, etag }];
      }),
    );
  }

  /**
   * Finds a file by its name. While hosts are upgraded one after the other, the page may come from
   * one of another version, which names another hash: it gets the file of this version, which is
   * not cached, since without any the page would stay blank.
   *
   * @param ifNoneMatch the header of that name
   */
  findAsset(name: string, ifNoneMatch = ''): AdminAnswer | undefined {
    const asset = this.assets.get(name);
    if (!asset) return this.current.get(omitHash(name) ?? '');
    if (!ifNoneMatch.includes(asset.etag)) return asset;
    return { status: 304, headers: { ...pageHeaders, ...assetCaching, ETag: asset.etag } };
  }
}

/** `page.js` for `page.1a2b3c4d.js`; undefined for a name without a hash. */
function omitHash(name: string): string | undefined {
  const [, stem, ending] = /^(\w+)\.[\w-]+\.(\w+)$/.exec(name) ?? [];
  return stem === undefined || ending === undefined ? undefined : `${stem}.${ending}`;
}

function answerAsset({ type, text }: PageAsset): AdminAnswer {
  const contentType = type.includes('charset') ? type : `${type}; charset=utf-8`;
  return { status: 200, contentType, body: text };
}
