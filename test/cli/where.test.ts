import { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import type { FileStatus } from '../../src/api/reports.js';
import type { SyncMedia } from '../../src/api/sync-media.js';
import { Layout } from '../../src/cli/layout.js';
import { createProgram } from '../../src/cli/program.js';
import { Screen } from '../../src/cli/screen.js';
import { makePartial } from '../harness/partial.js';

const web1 = { id: 'h1', hostname: 'web1' };
const held: FileStatus = {
  path: 'uploads/a.jpg',
  captured: true,
  kind: 'file',
  heldBy: [web1],
  pending: [],
};

async function exitWith(status: FileStatus): Promise<number | undefined> {
  const sink = (): Writable => new Writable({ write: (_chunk, _encoding, done) => done() });
  const screen = new Screen(sink(), sink());
  let code: number | undefined;
  const program = createProgram(async (_command, work) => {
    code = await work({
      sync: makePartial<SyncMedia>({
        files: makePartial<SyncMedia['files']>({
          find: () => Promise.resolve({ files: [status] }),
        }),
      }),
      environment: {},
      screen,
      layout: new Layout(false, undefined),
      json: false,
      signal: new AbortController().signal,
    });
  }, screen);
  await program.parseAsync(['where', status.path], { from: 'user' });
  return code;
}

test.each<[code: number, what: string, over: Partial<FileStatus>]>([
  [0, 'every host has the file', {}],
  [0, 'every host has deleted it', { kind: 'tombstone', heldBy: [] }],
  [
    3,
    'a host lacks it',
    { pending: [{ ...web1, since: new Date(0), blocked: false, why: 'it is paused' }] },
  ],
  [3, 'a host has yet to process a newer save', { pendingCaptures: [web1] }],
  [3, 'no host has it any more', { heldBy: [] }],
  [3, 'the ledger does not know it', { captured: false }],
])('where exits with %i if %s', async (code, _what, over) => {
  expect(await exitWith({ ...held, ...over })).toBe(code);
});
