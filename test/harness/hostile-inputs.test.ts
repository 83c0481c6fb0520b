import { expect, test } from 'vitest';
import { describeCount, HostileInputs } from './hostile-inputs.js';

test('inputs that got nothing are counted as tried', () => {
  const inputs = new HostileInputs();
  inputs.tried('..', false);
  inputs.tried('/etc/passwd', undefined);
  inputs.triedAll(['a', 'b'], []);
  expect(inputs.count()).toEqual({ tried: 4, succeeded: 0 });
  expect(describeCount(inputs.count())).toBe('4 tried, 0 succeeded');
});

test('inputs that got something are counted as successes and named', () => {
  const inputs = new HostileInputs();
  inputs.tried('..', true);
  inputs.tried('../x', 'the content of x');
  inputs.triedAll(['a', 'b'], ['/tmp/canary']);
  expect(inputs.count()).toEqual({ tried: 4, succeeded: 3 });
  expect(inputs.succeeded).toEqual([
    { input: '..', success: true },
    { input: '../x', success: 'the content of x' },
    { inputs: 2, success: ['/tmp/canary'] },
  ]);
});
