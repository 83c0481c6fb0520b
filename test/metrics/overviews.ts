import type { HostOverview, Overview } from '../../src/api/overview.js';
import type { MetricsReading } from '../../src/metrics/metrics-reading.js';

export function makeHostOverview(given: Partial<HostOverview> = {}): HostOverview {
  return {
    id: 'h1',
    hostname: 'web1',
    address: 'app@web1:22',
    thisHost: false,
    passive: false,
    approval: 'approved',
    state: 'up to date',
    note: '',
    pending: { count: 0, capped: false, bytes: 0 },
    blocked: 0,
    blockedBy: [],
    conflicts: 0,
    unsyncable: 0,
    deliveries: new Array<number>(20).fill(0),
    failures: [],
    ...given,
  };
}

export function makeOverview(given: Partial<Overview> = {}): Overview {
  return {
    at: new Date('2026-11-28T14:31:30Z'),
    id: 'an id',
    headline: '',
    entries: 0,
    missing: { count: 0, capped: false },
    captures: { count: { count: 0, capped: false } },
    hosts: [],
    needs: [],
    runs: [],
    recent: [],
    ...given,
  };
}

export function makeReading(given: Partial<MetricsReading> = {}): MetricsReading {
  return {
    overview: makeOverview(),
    totals: [],
    waiting: [],
    ageSeconds: 0,
    ...given,
  };
}
