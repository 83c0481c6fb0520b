import { describe, expect, it } from 'vitest';
import { until } from './wait.js';

describe('until', () => {
  it('returns the value of the check', async () => {
    let looks = 0;
    expect(await until(() => (++looks === 3 ? 'third' : undefined), { interval: 1 })).toBe('third');
  });

  it('reads a throw as "not yet"', async () => {
    let looks = 0;
    const check = () => {
      if (++looks < 3) throw new Error('too early');
      return looks;
    };
    expect(await until(check, { interval: 1 })).toBe(3);
  });

  it('shows the last value', async () => {
    await expect(until(() => 0, { timeout: 20, what: 'a row' })).rejects.toThrow(
      'a row did not hold within 20 ms; last seen: 0',
    );
    const fail = () => Promise.reject(new Error('no such file'));
    await expect(until(fail, { timeout: 20 })).rejects.toThrow(/no such file/);
  });

  it('does not wait for a check that hangs', async () => {
    await expect(
      until(() => new Promise<boolean>(() => undefined), { timeout: 20 }),
    ).rejects.toThrow('did not come back');
  });
});
