import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expectGone } from '../harness/leftovers.js';
import type { Overview } from '../../src/api/overview.js';
import { assets } from '../../src/admin/page-assets.js';
import {
  audit,
  comparison,
  conflict,
  describeFakeHost,
  makeOverview,
  makeRun,
  orderFiles,
  removals,
  runSummaries,
  trashFiles,
  versions,
} from './fake-data.js';

const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

/** One pixel. */
const picture = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

interface FakeAnswer {
  readonly status?: number;
  readonly body?: unknown;
}

type FakeRoute = (query: URLSearchParams, body: unknown, address: string) => unknown;

/**
 * The router's answers without a router: any state of a site can be shown, and the streams do
 * what the test says.
 */
export interface FakeSite {
  readonly url: string;
  overview: Overview;
  session: Record<string, unknown>;
  /** Answers by method and address (`GET files`); tests replace them. */
  readonly routes: Map<string, FakeRoute>;
  readonly requests: {
    readonly method: string;
    readonly address: string;
    readonly body: unknown;
  }[];
  /** How many streams are open. */
  countStreams(): number;
  emit(event: string, data: unknown): void;
  dropStreams(): void;
  /** New streams are refused. */
  refusesStreams: boolean;
  /** Every request is refused as by a database that does not answer. */
  isDatabaseDown: boolean;
  close(): Promise<void>;
}

export class FakeRefusal {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly message: string,
  ) {}
}

export async function startFakeSite(mount = '/sync-admin'): Promise<FakeSite> {
  const streams = new Set<ServerResponse>();
  const requests: FakeSite['requests'] = [];
  const server = createServer((request, response) => {
    void answer(request, response);
  });

  const site: FakeSite = {
    url: '',
    overview: makeOverview(),
    session: {
      signedIn: true,
      name: 'ada',
      until: '2026-11-28T02:31:10Z',
      signIn: 'token',
      mayChange: true,
      mayApprove: false,
      version: '0.2.0',
    },
    routes: new Map(),
    requests,
    refusesStreams: false,
    isDatabaseDown: false,
    countStreams: () => streams.size,
    emit(event, data) {
      for (const stream of streams)
        stream.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
    },
    dropStreams() {
      for (const stream of streams) stream.destroy();
    },
    async close() {
      for (const stream of streams) stream.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
      gone();
    },
  };
  for (const [name, route] of Object.entries(makeRoutes(site))) site.routes.set(name, route);

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://site');
    if (!pathname.startsWith(`${mount}/`)) {
      response.writeHead(404).end();
      return;
    }
    const address = decodeURIComponent(pathname.slice(mount.length + 1));
    if (address === '' || address.startsWith('assets/')) {
      sendAsset(address === '' ? 'index.html' : address.slice('assets/'.length), response);
      return;
    }
    if (address === 'conflicts/content' || address === 'history/content') {
      response.writeHead(200, { 'Content-Type': 'image/png' }).end(picture);
      return;
    }
    if (address === 'events') {
      openStream(response);
      return;
    }
    const method = request.method ?? 'GET';
    const body = await readBody(request);
    requests.push({ method, address, body });
    const { status = 200, body: sent } = handle(method, address, searchParams, body);
    response.writeHead(status, { 'Content-Type': 'application/json' });
    response.end(status === 204 ? undefined : JSON.stringify(sent));
  }

  function handle(
    method: string,
    address: string,
    query: URLSearchParams,
    body: unknown,
  ): FakeAnswer {
    if (site.isDatabaseDown && address !== 'session')
      return fail(new FakeRefusal(503, 'NO_CONNECTION', 'The database does not answer.'));
    if (site.session.signedIn !== true && address !== 'session')
      return fail(new FakeRefusal(401, 'UNAUTHORIZED', 'Sign in first.'));
    const route =
      site.routes.get(`${method} ${address}`) ??
      site.routes.get(`${method} ${address.replace(/^(hosts|runs)\/[^/]+/, '$1/:one')}`);
    if (!route) return fail(new FakeRefusal(404, 'NOT_FOUND', 'There is nothing at this address.'));
    const given = route(query, body, address);
    if (given instanceof FakeRefusal) return fail(given);
    return given === undefined ? { status: 204 } : { body: given };
  }

  function openStream(response: ServerResponse): void {
    if (site.refusesStreams || site.isDatabaseDown || site.session.signedIn !== true) {
      response.writeHead(503).end();
      return;
    }
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
    streams.add(response);
    response.on('close', () => streams.delete(response));
    response.write(`event: overview\ndata: ${JSON.stringify(site.overview)}\n\n`);
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const gone = expectGone('a fake site', () => site.close());
  const { port } = server.address() as AddressInfo;
  return Object.assign(site, { url: `http://127.0.0.1:${String(port)}${mount}/` });
}

function fail({ status, code, message }: FakeRefusal): FakeAnswer {
  return { status, body: { error: { code, message } } };
}

function sendAsset(name: string, response: ServerResponse): void {
  const asset = assets.find((one) => one.name === name);
  if (!asset) {
    response.writeHead(404).end();
    return;
  }
  response.writeHead(200, { 'Content-Type': asset.type, 'Content-Security-Policy': policy });
  response.end(asset.text);
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  return text === '' ? undefined : JSON.parse(text);
}

function makeRoutes(site: FakeSite): Record<string, FakeRoute> {
  const hostOf = (address: string): Overview['hosts'][number] | undefined => {
    const name = address.split('/')[1];
    return site.overview.hosts.find(({ id, hostname }) => id === name || hostname === name);
  };
  const dryRun = (_query: URLSearchParams, body: unknown, kind: string): object => {
    const { dryRun: isDry = false } = body as { dryRun?: boolean };
    return { run: makeFakeRun(isDry ? `dry-${kind}` : `run-${kind}`) };
  };
  return {
    'GET session': () => site.session,
    'POST session': (_query, body) => {
      if ((body as { token?: string }).token !== 'the right token')
        return new FakeRefusal(401, 'UNAUTHORIZED', 'The token is wrong.');
      site.session = { ...site.session, signedIn: true };
      return undefined;
    },
    'DELETE session': () => {
      site.session = { ...site.session, signedIn: false };
      return undefined;
    },
    'GET overview': () => site.overview,
    'GET models': () => ({
      models: [{ name: 'Order', syncDirs: ['uploads/orders'], plugged: true }],
    }),
    'GET files': (query) => ({
      files:
        query.has('path') || query.has('document') || query.has('contains')
          ? orderFiles
          : orderFiles.slice(1),
    }),
    'POST files/retry': () => ({ retried: 1 }),
    'GET history': () => new FakeRefusal(409, 'NO_HISTORY', 'The backend rsync keeps no history.'),
    'GET history/restore': (query) => ({
      restore: {
        path: query.get('path'),
        version: versions.find(({ revision }) => revision === query.get('at')),
        dryRun: true,
        from: 'history',
        current: { size: 301_557, mtime: '2026-11-27T14:00:00Z', sha256: '0'.repeat(64) },
        isCurrent: query.get('at') === versions[0]?.revision,
        hosts: ['web1', 'web2', 'web3'],
      },
    }),
    'POST history/restore': () => ({}),
    'GET hosts/:one': (_query, _body, address) => {
      const host = hostOf(address);
      return host
        ? { host: describeFakeHost(host) }
        : new FakeRefusal(404, 'UNKNOWN_HOST', 'No host has that name.');
    },
    'PATCH hosts/:one': () => ({}),
    'DELETE hosts/:one': () => ({}),
    'POST hosts/:one/approve': () => ({}),
    'POST hosts/:one/test': () => ({
      checks: [
        {
          name: 'ssh login',
          ok: false,
          message: 'web3.example.com:22 did not answer within 10 s.',
          remedy: 'See whether the machine is up and its sshd listens.',
        },
      ],
    }),
    'GET hosts/:one/change': (_query, _body, address) => ({
      digest: 'd'.repeat(64),
      pending: hostOf(address)?.pending,
      onlyHere: { count: 3, capped: false, paths: ['uploads/a.jpg', 'uploads/b.jpg'] },
      captures: { count: 0, capped: false },
    }),
    'GET doctor': () => ({
      checks: [
        { name: 'node', state: 'ok', message: 'Node 24' },
        { name: 'ssh login', state: 'failed', message: 'timed out', remedy: 'Start its sshd.' },
      ],
    }),
    'GET runs': () => ({ runs: runSummaries.map((summary) => makeRun(summary)) }),
    'GET runs/:one': (_query, _body, address) => ({
      run: makeFakeRun(address.split('/')[1] ?? ''),
    }),
    'POST runs/:one/cancel': () => ({}),
    'POST push': dryRun,
    'POST pull': dryRun,
    'POST adopt': dryRun,
    'POST verify': dryRun,
    'GET conflicts': (query) => ({ files: query.get('host') === 'web2' ? [conflict] : [] }),
    'GET conflicts/compare': () => ({ conflict: comparison }),
    'POST conflicts/use': () => ({}),
    'POST conflicts/drop': () => ({}),
    'GET trash': () => ({ files: trashFiles }),
    'POST trash/restore': () => ({}),
    'GET removals': () => ({ removals: [removals] }),
    'POST removals/approve': () => ({}),
    'POST removals/reject': () => ({}),
    'GET audit': () => ({ audit }),
  };
}

/** A run of the summaries, or one that has ended, by an id that says its kind. */
function makeFakeRun(id: string): object {
  const known = runSummaries.find((summary) => summary.id === id);
  if (known?.kind === 'verify')
    return makeRun(known, {
      findings: [
        { host: 'id-img1', same: 48_208, missing: 1, extra: 0, different: 2, repaired: 0 },
      ],
      pathFindings: [{ host: 'id-img1', path: 'uploads/photos/pier-7.jpg', finding: 'different' }],
    });
  if (known) return makeRun(known);
  const [first] = runSummaries;
  if (!first) throw new Error('there is no run to copy');
  const [dry, kind = 'pull'] = id.split('-');
  const summary = { ...first, id, kind: kind as 'pull', at: 'web3', state: 'done' as const };
  return makeRun(
    { ...summary, dryRun: dry === 'dry', filesFound: 1_187, bytesFound: 2_300_000_000 },
    {
      wouldTransfer: [
        { host: 'id-web1', path: 'uploads/photos/pier-7.jpg', size: 3_811_204, why: 'missing' },
        { host: 'id-web2', path: 'uploads/photos/team.jpg', size: 2_311_876, why: 'older' },
      ],
      endedAt: new Date('2026-11-27T14:31:08Z'),
    },
  );
}
