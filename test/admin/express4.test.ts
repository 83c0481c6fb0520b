import { describe, vi } from 'vitest';

/**
 * The tests of the router once more, with the `Router` and `json` of Express 4: where an app uses
 * Express 4, this package gets that one as well.
 */
vi.mock('express', async (importOriginal) => {
  // @ts-expect-error: the alias has no types of its own.
  const express4 = (await import('express4')) as { default: typeof import('express') };
  const { Router, json } = express4.default;
  return { ...(await importOriginal<typeof import('express')>()), Router, json };
});

describe('with the router of Express 4', async () => {
  await import('./admin.test.js');
  await import('./read-body.test.js');
});
