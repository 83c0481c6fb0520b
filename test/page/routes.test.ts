import { describe, expect, test } from 'vitest';
import {
  fileAddress,
  hostAddress,
  parseRoute,
  runAddress,
  viewAddress,
} from '../../src/page/routes.js';

describe('the addresses of the views', () => {
  test.each([
    ['', { view: 'overview', query: {} }],
    ['#/', { view: 'overview', query: {} }],
    ['#/nothing/like/it', { view: 'overview', query: {} }],
    ['#/hosts', { view: 'overview', query: {} }],
    ['#/hosts/web3', { view: 'host', subject: 'web3', query: {} }],
    ['#/runs', { view: 'runs', query: {} }],
    ['#/runs/b61f', { view: 'run', subject: 'b61f', query: {} }],
    ['#/files?q=Order+4711', { view: 'files', query: { q: 'Order 4711' } }],
    ['#/conflicts?host=web2', { view: 'conflicts', query: { host: 'web2' } }],
  ])('%s', (hash, route) => {
    expect(parseRoute(hash)).toEqual(route);
  });

  test.each(['web3', 'a b/c?d#e', '‮<b>"', '%41', '..'])(
    '%s survives the address of a host',
    (name) => {
      expect(parseRoute(hostAddress(name))).toEqual({ view: 'host', subject: name, query: {} });
      expect(parseRoute(runAddress(name))).toEqual({ view: 'run', subject: name, query: {} });
      expect(parseRoute(fileAddress(name))).toEqual({ view: 'files', query: { path: name } });
    },
  );

  test('an address that does not decode is taken as it is', () => {
    expect(parseRoute('#/hosts/%zz')).toEqual({ view: 'host', subject: '%zz', query: {} });
  });

  test('a view without a query has no question mark', () => {
    expect(viewAddress('trash')).toBe('#/trash');
  });
});
