import { describe, expect, test } from 'vitest';
import {
  beginsFolded,
  findWaiting,
  makeHostRows,
  splitGroups,
} from '../../src/page/group-hosts.js';
import { eightHosts, makeFiftyHosts, toWire } from './fake-data.js';

const eight = toWire(eightHosts);
const fifty = toWire(makeFiftyHosts()).hosts;

describe('the table of hosts', () => {
  test('of eight hosts has one group', () => {
    expect(splitGroups(makeHostRows(eight, '')).map(({ rows }) => rows.length)).toEqual([8]);
  });

  test('of fifty hosts is grouped by state, and those that need nobody begin folded', () => {
    const groups = splitGroups(makeHostRows(fifty, ''));
    expect(groups.map(({ name, rows }) => [name, rows.length])).toEqual([
      ['down', 2],
      ['behind', 4],
      ['up to date', 44],
    ]);
    expect(groups.map(beginsFolded)).toEqual([false, false, true]);
  });

  test('can be filtered by name and by note', () => {
    expect(makeHostRows(fifty, 'WEB5').map(({ item }) => item.hostname)).toEqual(['web50']);
    expect(makeHostRows(fifty, 'timed out')).toHaveLength(2);
  });

  test('the hosts for which the most files wait are named, and the others counted', () => {
    const { hosts, others } = findWaiting(eight);
    expect(hosts.map(({ hostname }) => hostname)).toEqual(['web4', 'web3', 'backup']);
    expect(others).toBe(2);
  });
});
