import { listFirst } from '../util/list-first.js';
import type { HostContext } from '../context/host-context.js';
import { explainUnsealedRules } from '../hosts/sync-dirs-store.js';
import type { DoctorCheck } from '../api/reports.js';
import { quotePath } from '../replica/paths.js';
import { reportFailed, reportInfo, reportOk } from './check.js';

const maxShown = 20;

/** Checks the sync dirs that are left out, and the rows of `syncdirs` that do not count in full. */
export async function checkRules(dirs: HostContext['dirs']): Promise<DoctorCheck[]> {
  const unsealed = dirs.listUnsealed(),
    ignored = dirs.listIgnored();
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
    ...dirs
      .listFaults()
      .map(({ about, message, remedy }) => ({ name: about, ...reportFailed(message, remedy) })),
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
