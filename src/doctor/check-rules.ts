import { explainUnsealedRules } from '../hosts/sync-dirs-store.js';
import type { DoctorCheck } from '../api/sync-media.js';
import { quotePath } from '../replica/paths.js';
import type { Path } from '../model/words.js';
import { failed, info, ok } from './check.js';

/** Rows of `syncdirs` that count only in part, or not at all. */
export interface RulesFound {
  /** Sync dirs of this host whose row has no valid seal. */
  readonly unsealed: readonly Path[];
  /** Directories that this host does not open. */
  readonly ignored: readonly Path[];
}

const shown = 20;

export async function checkRules({ unsealed, ignored }: RulesFound): Promise<DoctorCheck[]> {
  const { message, remedy } = explainUnsealedRules(unsealed);
  const names = ignored
    .slice(0, shown)
    .map((path) => quotePath(path))
    .join(', ');
  return [
    {
      name: 'rules of sync dirs',
      ...(unsealed.length === 0 ? ok('all of them count') : failed(message, remedy)),
    },
    ...(ignored.length === 0
      ? []
      : [
          {
            name: 'rows of sync dirs',
            ...info(
              `the database names ` +
                `${names}${ignored.length > shown ? ` and ${String(ignored.length - shown)} more` : ''}, ` +
                `which this host does not open: neither its models nor its --sync-dirs name it`,
              'if this host is to keep them, start the app whose models declare them, or list ' +
                'them in --sync-dirs, and run `syncmedia init`',
            ),
          },
        ]),
  ];
}
