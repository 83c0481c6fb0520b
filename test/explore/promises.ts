import { contentsOn, has, known, type Model, nameOf, nameOfContent } from './model.js';
import type { Contents, State } from './state.js';

/** What does not hold although everything has come to rest; empty: all is well. */
export function findBroken(model: Model, state: State): string {
  const found = new Set<string>();
  // What the app wrote and has not saved yet only a scan finds.
  if (model.options.scanless && state.hosts.some(({ written }) => written !== 0)) return '';
  const entry = known(model, state);
  const isReady = (host: number): boolean => !(joins(model, host) && !state.ready);
  const counting = state.hosts.reduce(
    (set, host, i) => set | (!host.retired && isReady(i) ? 1 << i : 0),
    0,
  );
  if (state.precious & ~contentsOn(state, 7)) found.add('bytes are lost');
  const isFile = entry?.entry.kind === 'file';
  // Without a holder it is shown until a person drops it; right if nobody has the bytes.
  const isMissing = isFile && (entry.held & counting) === 0;
  const anyRetired = state.hosts.some(({ retired }) => retired);
  if (
    isMissing &&
    !state.hosts[entry.origin]?.vanished &&
    has(contentsOn(state, anyRetired ? counting : 7), entry.current)
  )
    found.add('no holder, but the bytes exist');
  if (isFile && has(state.buried, entry.current)) found.add('a superseded version won');
  // The only bytes there are were never replaced by others.
  if (state.contents === 1 && state.hosts.some(({ conflicts }) => conflicts !== 0))
    found.add('identical bytes are a conflict');
  if (state.must && entry?.current !== state.must) found.add('a save was undone');
  state.hosts.forEach((host, i) => {
    if (!has(counting, i)) return;
    // Nobody can tell it from the version before a save names it, but for a host that knows the
    // stamp of its file.
    if (model.options.exact && host.written !== 0 && host.written === host.disk) return;
    const held = entry !== undefined && has(entry.held, i),
      pending = entry !== undefined && has(entry.pending, i);
    if (host.replaced) found.add('a replaced file was never resolved, and is listed nowhere');
    if (!entry) {
      if (host.disk) found.add('a file was not captured');
      return;
    }
    if (!isFile) {
      if (held && host.disk) found.add('acknowledged a tombstone, but has a file');
      if (pending) found.add('pending for a tombstone for ever');
      if (host.disk && has(state.buried, host.disk)) found.add('a deleted file is back');
      return;
    }
    const isCurrent = host.disk === entry.current;
    if (held && isCurrent && host.redated !== model.decisions.datedBy(state.entry))
      found.add('holds it with another date');
    if (held && !isCurrent) found.add('holds it, but has it not');
    if (isMissing) return;
    const ledger = held ? ' (held)' : pending ? ' (pending)' : ' (neither)';
    if (!isCurrent && !host.vanished) found.add(`disks differ${ledger}`);
    if (!held && isCurrent) found.add(`has it, but does not hold it${ledger}`);
    if (pending && !isCurrent) found.add('pending for ever');
  });
  return [...found].sort().join('; ');
}

function joins(model: Model, host: number): boolean {
  return (model.options.budget.joins ?? 0) > 0 && host === model.options.hosts - 1;
}

export function show(model: Model, state: State): string {
  const contents = (set: Contents): string =>
    `{${[1, 2, 3, 4, 5, 6, 7]
      .filter((content) => has(set, content))
      .map(nameOfContent)
      .join('')}}`;
  const entry = known(model, state);
  const what = !entry
    ? 'none'
    : entry.entry.kind === 'file'
      ? `file ${nameOfContent(entry.current)}`
      : 'tombstone';
  const old =
    entry?.entry.superseded
      .map(
        ({ sha256, conflicting: lost }) =>
          `${nameOfContent(Number(sha256?.slice(8)))}${lost ? ' (lost)' : ''}`,
      )
      .join(', ') ?? '';
  const parts = [
    `entry ${what}, origin ` +
      `${nameOf(entry?.origin ?? 0)}${entry?.entry.orphaned ? ' (orphaned)' : ''}, held ` +
      `{${entry?.entry.heldBy.join('') ?? ''}}, ` +
      `pending {${entry?.entry.pending.join('') ?? ''}}, superseded {${old}}`,
  ];
  state.hosts.forEach((host, i) => {
    parts.push(
      `${nameOf(i)}: ${nameOfContent(host.disk)}, replaced ${contents(host.replaced)}, conflicts ` +
        `${contents(host.conflicts)}, trash ${contents(host.trash | host.grave)}`,
    );
  });
  return `[${parts.join(' | ')}]`;
}
