import { createHash } from 'node:crypto';
import type { AdminAnswer } from '../admin-route.js';

/**
 * A file of the operator's page. `name` contains a hash of the text, except that of `index.html`.
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

/** The operator's page as the router sends it. It contains no data, so it needs no sign-in. */
export class PageFiles {
  readonly shell: AdminAnswer | undefined;
  private readonly assets: ReadonlyMap<string, AdminAnswer & { readonly etag: string }>;

  constructor(assets: readonly PageAsset[]) {
    const shell = assets.find(({ name }) => name === shellName);
    this.shell = shell && { ...answerAsset(shell), headers: shellHeaders };
    this.assets = new Map(
      assets
        .filter((asset) => asset !== shell)
        .map((asset) => {
          const etag = `"${createHash('sha256').update(asset.text).digest('base64url')}"`;
          const headers = { ...pageHeaders, ...assetCaching, ETag: etag };
          return [asset.name, { ...answerAsset(asset), headers, etag }];
        }),
    );
  }

  /** @param ifNoneMatch the header of that name */
  findAsset(name: string, ifNoneMatch = ''): AdminAnswer | undefined {
    const asset = this.assets.get(name);
    if (!asset || !ifNoneMatch.includes(asset.etag)) return asset;
    return { status: 304, headers: { ...pageHeaders, ...assetCaching, ETag: asset.etag } };
  }
}

function answerAsset({ type, text }: PageAsset): AdminAnswer {
  const contentType = type.includes('charset') ? type : `${type}; charset=utf-8`;
  return { status: 200, contentType, body: text };
}
