import { expect, test } from 'vitest';
import { explainPending } from '../../src/decisions/pending-reason.js';
import { errorCatalogue } from '../../src/model/error-catalogue.js';
import type { Failure } from '../../src/model/failure.js';
import type { Host } from '../../src/model/host.js';
import { makePartial } from '../harness/partial.js';
import { fileEntry } from './entries.js';

const failure: Failure = { code: 'DISK_FULL', message: 'no space', scope: 'path', retryable: true };
const since = new Date(0),
  retryAt = new Date(1_000);
const makeHost = (id: string, over: Partial<Host> = {}): Host =>
  makePartial<Host>({ id, hostname: `web-${id}`, status: 'approved', deliveries: {}, ...over });
const hosts = [makeHost('A'), makeHost('B')];

test('a pending host that fails has code, cause, remedy and the next try', () => {
  const blocked = fileEntry({ blocked: [{ host: 'B', failure, since, retryAt }] });
  expect(explainPending(blocked, 'B', hosts)).toEqual({
    why: 'no space',
    remedy: errorCatalogue.DISK_FULL.remedy,
    failure,
    failingSince: since,
    retryAt,
  });
  const failing = [
    makeHost('A', { deliveries: { B: { failure, failingSince: since, nextTryAt: retryAt } } }),
    makeHost('B'),
  ];
  expect(explainPending(fileEntry({ pending: ['B'] }), 'B', failing)).toMatchObject({
    why: 'no space',
    failingSince: since,
    retryAt,
  });
});

test('a paused host waits for a person, whatever failed before', () => {
  const blocked = fileEntry({ blocked: [{ host: 'B', failure, since }] });
  const paused = explainPending(blocked, 'B', [makeHost('A'), makeHost('B', { status: 'paused' })]);
  expect(paused.why).toBe('web-B is paused, so nothing is sent to it');
  expect(paused.remedy).toContain('hosts edit web-B --status approved');
});

test('a file that nobody has says so; one that is on its way needs nothing', () => {
  const lost = fileEntry({ heldBy: [], pending: ['B'] });
  expect(explainPending(lost, 'B', hosts).remedy).toBe(errorCatalogue.NO_GOOD_COPY.remedy);
  expect(explainPending(fileEntry({ pending: ['B'] }), 'B', hosts)).toEqual({
    why: 'it was not delivered yet',
  });
});

test('a code of a newer version leads to its reference', () => {
  const newer = { ...failure, code: 'toString' as Failure['code'] };
  const blocked = fileEntry({ blocked: [{ host: 'B', failure: newer, since }] });
  expect(explainPending(blocked, 'B', hosts).remedy).toContain('newest syncmedia');
});
