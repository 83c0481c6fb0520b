import { expect, test } from 'vitest';
import { explainLoad, listUnexplained } from './explain-load.js';

const counts = {
  'all up: upload 201': 100,
  'all up: read 503': 1,
  'one down: upload 502': 2,
  'one down: read 404': 3,
  'one down: read Error: no answer within a minute': 4,
};

test('a failure is explained if it has a known cause, and a host was down', () => {
  expect(listUnexplained(counts, 'one down')).toEqual([
    'all up: read 503',
    'one down: read 404',
    'one down: read Error: no answer within a minute',
  ]);
});

test('each result has a line with its count, and its cause if it has one', () => {
  expect(explainLoad(counts).split('\n')).toEqual([
    '      1  all up: read 503: only the killed host had the file so far',
    '    100  all up: upload 201',
    '      3  one down: read 404',
    '      4  one down: read Error: no answer within a minute',
    '      2  one down: upload 502: on its way to the killed host; not repeated, since it may have been saved',
  ]);
});
