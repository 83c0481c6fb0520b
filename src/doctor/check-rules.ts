import { listFirst } from '../util/list-first.js';
import { explainUnsealedRules } from '../hosts/sync-dirs-store.js';
import type { DoctorCheck } from '../api/sync-media.js';
import { quotePath } from '../replica/paths.js';
import type { Path } from '../model/path.js';
import { reportFailed, reportInfo, reportOk } from './check.js';

/** Rows of `syncdirs` that count only in part, or not at all. */
export interface UncountedRules {
  /** Sync dirs of this host whose row has no valid seal. */
  readonly unsealed: readonly Path[];
  /** Directories that this host does not open. */
  readonly ignored: readonly Path[];
}

const maxShown = 20;

export async function checkRules({ unsealed, ignored }: UncountedRules): Promise<DoctorCheck[]> {
  const { message, remedy } = explainUnsealedRules(unsealed);
  const names = listFirst(
    ignored.map((path) => quotePath(path)),
    maxShown,
  );
  return [
    {
      name: 'rules of sync dirs',
      ...(unsealed.length === 0 ? reportOk('all of them count') : reportFailed(message, remedy)),
    },
    ...(ignored.length === 0
      ? []
      : [
          {
            name: 'rows of sync dirs',
            ...reportInfo(
              `the database names ${names}, ` +
                `which this host does not open: neither its models nor its --sync-dirs name it`,
              'if this host is to keep them, start the app whose models declare them, or list ' +
                'them in --sync-dirs, and run `syncmedia init`',
            ),
          },
        ]),
  ];
}
