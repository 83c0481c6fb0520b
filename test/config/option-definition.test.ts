import type * as v from 'valibot';
import { describe, expect, expectTypeOf, test } from 'vitest';
import {
  type AdminOptions,
  type adminOptions,
  resolveAdminOptions,
} from '../../src/admin/admin-options.js';
import type { PluginOptions, SyncMediaOptions } from '../../src/config/config.js';
import { type instanceOptions } from '../../src/config/instance-options.js';
import { type pluginOptions, resolvePluginOptions } from '../../src/config/plugin-options.js';
import {
  type readyLimits,
  type ReadyLimits,
  resolveReadyLimits,
} from '../../src/config/ready-limits.js';
import { resolveConfig } from '../../src/config/resolve-config.js';
import {
  resolveWaitOptions,
  type waitOptions,
  type WaitOptions,
} from '../../src/config/wait-options.js';
import {
  resolveServeOptions,
  type serveOptions,
  type ServeOptions,
} from '../../src/serving/serve-options.js';

describe('every surface', () => {
  const surfaces: [place: string, (options: never) => unknown, options: string][] = [
    [
      'here',
      (options) => resolvePluginOptions({ syncDirs: 'a', ...(options as object) }, 'here'),
      'exlude exclude',
    ],
    ['createSyncMedia', resolveConfig, 'statDir stateDir'],
    ['serveMedia', resolveServeOptions, 'maxage maxAge'],
    ['syncReady', resolveReadyLimits, 'maxFile maxFiles'],
    ['waitFor', resolveWaitOptions, 'timeOut timeout'],
    ['syncAdmin', resolveAdminOptions, 'authorise authorize'],
  ];

  test.each(surfaces)('%s suggests the option that is probably meant', (place, resolve, names) => {
    const [wrong = '', right = ''] = names.split(' ');
    expect(() => resolve({ [wrong]: 1 } as never)).toThrow(
      expect.objectContaining({
        code: 'BAD_OPTION',
        message: expect.stringContaining(
          `${place}: unknown option "${wrong}" (did you mean "${right}"?); known are `,
        ) as string,
      }),
    );
  });

  test.each(surfaces)('%s knows no option by inheritance', (_place, resolve) => {
    expect(() => resolve({ constructor: 1 } as never)).toThrow('unknown option "constructor"');
  });

  test.each([
    [
      () => resolveServeOptions({ dotfiles: 'hide' } as never),
      'serveMedia: dotfiles is "hide"; expected "deny" or "ignore" or "allow".',
    ],
    [
      () => resolveServeOptions({ etag: 'yes' } as never),
      'serveMedia: etag is "yes"; expected true or false.',
    ],
    [
      () => resolveReadyLimits({ maxBehind: -1 }),
      'syncReady: maxBehind is -1; expected a number from 0 up.',
    ],
    [
      () => resolveWaitOptions({ copies: 0 }),
      'waitFor: copies is 0; expected a number of hosts, "majority" or "all".',
    ],
    [
      () => resolveAdminOptions({ readOnly: 'yes' } as never),
      'syncAdmin: readOnly is "yes"; expected true or false.',
    ],
    [
      () => resolveAdminOptions({ authorize: true } as never),
      'syncAdmin: authorize is true; expected a function of the request.',
    ],
    [
      () => resolveConfig({ stateDir: 'x' }),
      'createSyncMedia: stateDir is "x"; expected an absolute path.',
    ],
    [
      () => resolvePluginOptions({ syncDirs: 'a', copiesTimeout: 0 }, 'here'),
      'here: copiesTimeout is 0; expected milliseconds, up to 600000.',
    ],
  ])(
    'a malformed option is named with the given and the expected value (%#)',
    (resolve, message) => {
      expect(resolve).toThrow(expect.objectContaining({ code: 'BAD_OPTION', message }));
    },
  );

  test('a token that cannot be used is not repeated', () => {
    expect(() => resolveAdminOptions({ token: 'hunter2' })).toThrow(
      'syncAdmin: token is set to something that cannot be used; expected at least 32 characters',
    );
    expect(() => resolveAdminOptions({ token: 'hunter2' })).not.toThrow(/hunter2/);
  });
});

test('options that are undefined get their defaults', () => {
  expect(resolveReadyLimits({ maxFiles: undefined } as never)).toEqual({
    maxBehind: 300,
    maxFiles: 1_000,
  });
  expect(resolveWaitOptions()).toEqual({ copies: 'all', timeout: 5_000 });
  expect(resolveServeOptions({})).toEqual({
    acceptRanges: true,
    cacheControl: true,
    etag: true,
    lastModified: true,
    maxAge: 0,
    immutable: false,
    dotfiles: 'deny',
    fallthrough: true,
    setHeaders: undefined,
    trust: new Set(),
    fetch: true,
  });
});

test('the public types allow what the schemas accept, and nothing else', () => {
  expectTypeOf<Given<typeof pluginOptions>>().toEqualTypeOf<Comparable<PluginOptions>>();
  expectTypeOf<Given<typeof instanceOptions>>().toEqualTypeOf<Comparable<SyncMediaOptions>>();
  expectTypeOf<Given<typeof serveOptions>>().toEqualTypeOf<Comparable<ServeOptions>>();
  expectTypeOf<Given<typeof readyLimits>>().toEqualTypeOf<Comparable<ReadyLimits>>();
  expectTypeOf<Given<typeof waitOptions>>().toEqualTypeOf<Comparable<WaitOptions>>();
  expectTypeOf<Given<typeof adminOptions>>().toEqualTypeOf<Comparable<AdminOptions>>();
});

/** Arrays are never changed, so it makes no difference which of the two types has `readonly`. */
type Loosen<T> = T extends readonly (infer Item)[] ? readonly Item[] : T;
type Comparable<Options> = { readonly [K in keyof Options]-?: Loosen<Options[K] | undefined> };
type Given<Definitions extends Readonly<Record<string, { readonly schema: v.GenericSchema }>>> = {
  readonly [K in keyof Definitions]: Loosen<v.InferInput<Definitions[K]['schema']> | undefined>;
};
