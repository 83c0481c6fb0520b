import type { Ledger } from '../../../src/ledger/ledger.js';
import type { Path } from '../../../src/model/path.js';
import { contentOf, hostIds } from '../decisions.js';
import { bit, holdsReplaced, known, type Model, nameOf, nameOfContent } from '../model.js';
import type { Contents, State } from '../state.js';
import { contentIn, hashOf } from './content.js';
import type { ReplayHost } from './host.js';

/** What the hosts and the ledger have otherwise than the explorer. */
export async function findDifferences(
  model: Model,
  state: State,
  ledger: Ledger,
  hosts: readonly ReplayHost[],
  path: Path,
): Promise<string[]> {
  const found: string[] = [];
  const compare = (what: string, real: string, explored: string): void => {
    if (real !== explored) found.push(`${what}: ${real}, in the explorer ${explored}`);
  };
  compare('the entry', await describeEntry(state, ledger, path), describeKnown(model, state));
  for (const [i, own] of state.hosts.entries()) {
    const host = hosts[i];
    if (!host) continue;
    const on = `on ${nameOf(i)}`,
      sees = async (area?: 'replaced' | 'trash' | 'conflicts'): Promise<string> =>
        describe(
          (await host.contents(path, area)).reduce(
            (set, { content }) => set | bit(contentIn(content)),
            0,
          ),
        );
    const replaced = state.placements.reduce(
      (set, placement) => set | (holdsReplaced(placement, i) ? bit(placement.moved) : 0),
      own.replaced,
    );
    compare(`the file ${on}`, await sees(), describe(own.disk ? bit(own.disk) : 0));
    compare(`replaced ${on}`, await sees('replaced'), describe(replaced));
    compare(`conflicts ${on}`, await sees('conflicts'), describe(own.conflicts));
    compare(`trash ${on}`, await sees('trash'), describe(own.trash | own.grave));
  }
  return found;
}

function describe(contents: Contents): string {
  return `{${[1, 2, 3, 4, 5, 6, 7]
    .filter((content) => (contents >> content) & 1)
    .map(nameOfContent)
    .join('')}}`;
}

function describeKnown(model: Model, state: State): string {
  const entry = known(model, state)?.entry;
  if (!entry) return 'none';
  return tell(entry, (sha256) => contentOf(sha256));
}

async function describeEntry(state: State, ledger: Ledger, path: Path): Promise<string> {
  const entry = await ledger.read(path);
  if (!entry) return 'none';
  const blocked = entry.blocked.length > 0 ? `, blocked ${JSON.stringify(entry.blocked)}` : '';
  const byHash = new Map(
    Array.from({ length: state.contents }, (_, i) => [hashOf(state, i + 1), i + 1]),
  );
  return tell(entry, (sha256) => byHash.get(sha256 ?? '') ?? 0) + blocked;
}

type Told = Pick<
  import('../../../src/model/entry.js').Entry,
  'kind' | 'info' | 'superseded' | 'origin' | 'orphaned' | 'heldBy' | 'pending'
>;

function tell(
  { kind, info: facts, superseded, origin, orphaned, heldBy, pending }: Told,
  contentOfHash: (sha256: string | undefined) => number,
): string {
  const list = (hosts: readonly string[]): string =>
    hostIds.filter((id) => hosts.includes(id)).join('');
  const old = superseded
    .map((one) => `${nameOfContent(contentOfHash(one.sha256))}${one.conflicting ? ' (lost)' : ''}`)
    .join(', ');
  return (
    `${kind} ${nameOfContent(contentOfHash(facts?.sha256))}, origin ` +
    `${origin}${orphaned ? ' (orphaned)' : ''}, held {${list(heldBy)}}, pending {${list(pending)}}, ` +
    `superseded {${old}}`
  );
}
