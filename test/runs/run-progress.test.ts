import { expect, test } from 'vitest';
import { RunProgress } from '../../src/runs/run-progress.js';
import { makeRun } from '../admin/recording-instance.js';

// As a progress of over 100 % or a negative rest is what operators of such pages report most.
test('no progress is beyond its end: files that came meanwhile count as found', () => {
  const progress = new RunProgress(makeRun(), new AbortController().signal);
  progress.addFound(2, 20);
  progress.addDone(1, 10);
  expect(progress.run).toMatchObject({ files: 1, filesFound: 2, bytes: 10, bytesFound: 20 });
  progress.addDone(3, 300);
  expect(progress.run).toMatchObject({ files: 4, filesFound: 4, bytes: 310, bytesFound: 310 });
});
