import type { HostStateName } from '../../api/overview.js';
import { hostStateWords } from '../../model/host-state.js';
import type { Run } from '../../model/run.js';

export const stateTexts = {
  states: hostStateWords,
  hostTitle: (name: string, state: HostStateName): string => {
    if (state === 'halted') return `Removals wait on ${name}`;
    return ['pending', 'cloned', 'down'].includes(state)
      ? `${name} ${hostStateWords[state]}`
      : `${name} is ${hostStateWords[state]}`;
  },
  whileState: {
    filling: ', which is being filled',
    paused: ', which is paused',
    down: ', which does not answer',
  } as Partial<Record<HostStateName, string>>,
  runStates: {
    requested: 'requested',
    running: 'running',
    done: 'done',
    failed: 'failed',
    cancelled: 'cancelled',
  } satisfies Record<Run['state'], string>,
  places: { holds: 'has it', waits: 'waits', blocked: 'blocked', unconcerned: 'not concerned' },
  checkStates: { ok: 'is right', info: 'says', failed: 'failed' },
  columns: {
    host: 'Host',
    state: 'State',
    note: 'Note',
    waiting: 'Waiting',
    oldest: 'Oldest',
    lastHour: 'Last hour',
    lastDelivery: 'Last delivery',
    from: 'From',
    why: 'Why',
    since: 'For',
    nextTry: 'Next try',
    file: 'File',
    size: 'Size',
    waits: 'Waits since',
    whoHasIt: 'Who has it',
    removed: 'Set aside',
    action: 'Action',
    when: 'When',
    what: 'What',
    who: 'By',
    document: 'Document',
    outcome: 'Outcome',
    run: 'Run',
    files: 'Files',
    asked: 'Asked for',
    same: 'Same',
    missing: 'Missing',
    different: 'Different',
    extra: 'Extra',
    repaired: 'Repaired',
  },
};
