import { validate } from 'node-cron';
import { describe, expect, test } from 'vitest';
import { hasErrorCode } from '../../src/model/errors.js';
import { validateCron } from '../../src/config/cron.js';

describe('validateCron', () => {
  test.each([
    '* * * * *',
    '*/15 * * * *',
    '0 3 * * *',
    '*/10 * * * * *',
    '0 0 * * 7',
    '0 0 * * mon-fri',
    '0 0 1 jan *',
    '1,2,30-40/5 * * * *',
    '10-20/11 * * * *',
    '0 0 L * *',
    '0 0 15W * *',
    '0 0 * * 5#2',
    '*/60 * * * *',
    '@daily',
  ])('accepts %s', (expression) => {
    expect(validateCron(expression, 'SYNCMEDIA_PULL_CRON')).toBe(expression);
    expect(validate(expression)).toBe(true);
  });

  test('trims', () => {
    expect(validateCron('  0 3 * * *\t', 'X')).toBe('0 3 * * *');
  });

  test.each([
    '*/90 * * * *',
    '*/61 * * * * *',
    '5-1 * * * *',
    '10-20/30 * * * *',
    '0 0 * * fri-mon',
    '* * * * 5-1',
  ])('refuses %s, which node-cron lets through', (expression) => {
    expect(validate(expression)).toBe(true);
    expect(() => validateCron(expression, 'SYNCMEDIA_PULL_CRON')).toThrow(
      /^SYNCMEDIA_PULL_CRON is "/,
    );
  });

  test.each([
    '',
    '*',
    'every day',
    '* * * *',
    '* * * * * * *',
    '60 * * * *',
    '* 24 * * *',
    '* * 0 * *',
    '* * 32 * *',
    '* * * 13 *',
    '* * * 0 *',
    '* * * * 8',
    '*/0 * * * *',
    '-1 * * * *',
    '1.5 * * * *',
    '1-70 * * * *',
    '0-59/0 * * * *',
    '1,,2 * * * *',
    '0x5 * * * *',
    '5- * * * *',
    '*/ * * * *',
    '@never',
    'mon * * * *',
  ])('refuses %j', (expression) => {
    let error: unknown;
    try {
      validateCron(expression, 'SYNCMEDIA_VERIFY_CRON');
    } catch (thrown) {
      error = thrown;
    }
    expect(hasErrorCode(error, 'BAD_ENVIRONMENT')).toBe(true);
    expect(String(error)).toContain(`SYNCMEDIA_VERIFY_CRON is "${expression}"`);
  });
});
