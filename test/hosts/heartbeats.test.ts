import { describe, expect, test } from 'vitest';
import { HeartbeatMonitor } from '../../src/hosts/heartbeats.js';
import type { Host } from '../../src/model/host.js';
import { makeHost } from '../admin/recording-instance.js';

let now = 0;
const open = (): HeartbeatMonitor => {
  now = 0;
  return new HeartbeatMonitor(120, 20, () => now);
};
const host = (beat: number, over: Partial<Host> = {}): Host =>
  makeHost({ id: 'B', lease: { leader: 'p1', beat }, ...over });
/** Looks ten units later, so many times. */
function look(beats: HeartbeatMonitor, hosts: Host[], times: number): void {
  for (let time = 0; time < times; time++) {
    now += 10;
    beats.observe(hosts);
  }
}

test('a host is gone when its counter stood still for the whole time, and back when it moves', () => {
  const beats = open();
  look(beats, [host(5)], 12);
  expect(beats.isGone('B')).toBe(false);
  look(beats, [host(5)], 1);
  expect(beats.isGone('B')).toBe(true);
  look(beats, [host(6)], 1);
  expect(beats.isGone('B')).toBe(false);
});

test('a host whose lease was given back, or never taken, is gone after the same time', () => {
  const beats = open();
  const { lease: _, ...rest } = host(0);
  look(beats, [rest], 13);
  expect(beats.isGone('B')).toBe(true);
});

test('time in which this process did not look counts for little', () => {
  const beats = open();
  look(beats, [host(5)], 2);
  now += 1_000_000;
  beats.observe([host(5)]);
  expect(beats.isGone('B')).toBe(false);
});

test('another leader with the same counter is a beat', () => {
  const beats = open();
  look(beats, [host(5)], 13);
  look(beats, [host(5, { lease: { leader: 'p2', beat: 5 } })], 1);
  expect(beats.isGone('B')).toBe(false);
});

test('a host never observed is not gone; retired hosts are gone at once; passive hosts send nothing', () => {
  const beats = open();
  expect(beats.isGone('unheard')).toBe(false);
  const hosts = [
    host(5),
    host(1, { id: 'R', status: 'retired' }),
    host(1, { id: 'P', passive: true }),
  ];
  look(beats, hosts, 1);
  expect(beats.listGone(hosts)).toEqual(['R']);
  look(beats, hosts, 13);
  expect(beats.listGone(hosts)).toEqual(['B', 'R']);
});

describe('a host that was killed before this process looked', () => {
  const at = (seconds: number): Date => new Date(1_000_000 + seconds);
  const me = host(1, { id: 'A', heartbeatAt: at(500) });
  const killed = host(5, { heartbeatAt: at(380) });

  test('is gone once it was seen silent for a short while', () => {
    const beats = open();
    look(beats, [killed], 2);
    expect(beats.wasGoneBefore(killed, me, 20)).toBe(false);
    look(beats, [killed], 1);
    expect(beats.wasGoneBefore(killed, me, 20)).toBe(true);
    expect(beats.isGone('B')).toBe(false);
  });

  test('is not gone while its last heartbeat is younger, undated, or of a host never observed', () => {
    const beats = open();
    look(beats, [killed], 10);
    const { heartbeatAt: _, ...undated } = killed;
    expect(beats.wasGoneBefore(host(5, { heartbeatAt: at(381) }), me, 20)).toBe(false);
    expect(beats.wasGoneBefore(undated, me, 20)).toBe(false);
    expect(beats.wasGoneBefore(killed, {}, 20)).toBe(false);
    expect(beats.wasGoneBefore({ ...killed, id: 'unheard' }, me, 20)).toBe(false);
  });

  test('is not gone if the database was away, and it goes on', () => {
    const beats = open();
    look(beats, [killed], 2);
    now += 1_000_000;
    beats.observe([killed]);
    look(beats, [host(6, { heartbeatAt: at(380) })], 1);
    expect(beats.wasGoneBefore(killed, me, 20)).toBe(false);
  });
});
