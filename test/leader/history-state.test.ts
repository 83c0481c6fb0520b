import { expect, test } from 'vitest';
import { makeTestDir } from '../harness/tmp.js';
import { makePartial } from '../harness/partial.js';
import type { HostContext } from '../../src/context/host-context.js';
import { HistoryStateStore } from '../../src/leader/history-state.js';
import type { HistoryState, Host } from '../../src/model/host.js';
import type { History } from '../../src/transport/history.js';

test('what is recorded before the history is opened keeps what an earlier leader wrote', async () => {
  const dir = await makeTestDir();
  try {
    const adoption = { since: new Date(1), after: 'z', files: 7, bytes: 70 };
    let row: HistoryState = { adoption, bytes: 5 };
    const store = new HistoryStateStore({
      registry: makePartial<HostContext['registry']>({
        me: () => ({ id: 'A', history: row }) as Host,
        recordHistory: (_backend, history) => {
          row = history ?? {};
          return Promise.resolve();
        },
      }),
      config: {
        backend: 'git',
        stateDir: dir.path,
        history: { maxBytes: 1 },
      } as unknown as HostContext['config'],
    });
    const at = new Date(9);
    await store.recordForgotten(at);
    expect(row).toEqual({ adoption, bytes: 5, forgottenUntil: at });
    expect(store.adoption).toBeUndefined();
    await store.announce({ place: dir.path } as History, false);
    expect(row).toEqual({ adoption, bytes: 5, forgottenUntil: at });
    expect(store.adoption).toEqual(adoption);
    // A history that opens may take no version all the same.
    await store.recordFailure(new Error('the disk is full'));
    const { failure, failingSince } = row;
    await store.announce({ place: dir.path } as History, false);
    await store.recordFailure(new Error('the disk is full'));
    expect(row).toMatchObject({ failure, failingSince });
    await store.recordFailure(undefined);
    expect(row.failure ?? row.failingSince).toBeUndefined();
    // A person removed the history, so that it begins anew: all files are adopted once more.
    await store.announce({ place: dir.path } as History, true);
    expect(store.adoption).toMatchObject({ files: 0, bytes: 0 });
    expect(store.adoption?.after).toBeUndefined();
  } finally {
    await dir.remove();
  }
});
