import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { resolveByState } from '../../src/decisions/resolve-replaced.js';
import {
  reconcile,
  type ReconcileAnswer,
  type EvidenceRequest,
} from '../../src/decisions/reconcile.js';
import type { FileState } from '../../src/decisions/file-state.js';
import type { ReplacedBy, Resolution } from '../../src/model/resolution.js';
import { fileEntry, tombstoneEntry } from '../decisions/entries.js';

const read = (page: string): string =>
  readFileSync(new URL(`../../docs/design/${page}`, import.meta.url), 'utf8');

/** The rows of the table whose first column is headed so, each as its cells. */
function tableOf(page: string, heading: string): string[][] {
  const text = read(page);
  const lines = text.slice(text.indexOf(`| ${heading} |`)).split('\n');
  return lines
    .slice(
      2,
      lines.findIndex((line) => !line.startsWith('|')),
    )
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

const answers: [string, ReconcileAnswer][] = [
  ['holds it', 'hold'],
  ['pending for itself', 'mark-pending'],
  ['leaves the holders', 'leave'],
  ['moves it to its own trash', 'trash'],
  ['the same', 'trash'],
  ['new version', 'new-version'],
  ['–', 'nothing'],
];
const resolutions: [string, Resolution][] = [
  ['dropped', 'drop'],
  ['to the trash', 'trash'],
  ['to the conflicts', 'conflict'],
  ['put back: placed anew', 'put-back'],
  ['put back where the path is empty', 'put-back-if-absent'],
];
function meaningOf<T>(cell: string, meanings: readonly [string, T][]): T {
  const found = meanings.find(([start]) => cell.startsWith(start));
  if (!found) throw new Error(`a table in docs/design says ${cell}`);
  return found[1];
}

test('docs/design/reconciling.md shows the answers of reconcile', () => {
  const rows = tableOf('reconciling.md', "on this host's disk");
  expect(rows).toHaveLength(6);
  const blocked = {
    host: 'A',
    failure: { code: 'DISK_FULL' as const, message: '', retryable: true, scope: 'path' as const },
    since: new Date(0),
  };
  for (const [on = '', ...cells] of rows) {
    const make = on.startsWith('tombstone') ? tombstoneEntry : fileEntry;
    const situations = [
      { heldBy: ['A'] },
      { heldBy: ['B'], pending: ['A'] },
      { heldBy: ['B'], pending: [] },
    ].map((fields) => make(fields));
    const states = (['current', 'superseded', 'conflicting', 'absent', 'unknown'] as const).filter(
      (state) => on.includes(state),
    );
    for (const state of states) {
      cells.forEach((cell, column) => {
        const entries = [
          situations[column],
          ...(column === 1 ? [make({ heldBy: ['B'], blocked: [blocked] })] : []),
        ];
        for (const entry of entries) {
          const evidence = {
            lateDelivery: false,
            saveExpected: false,
            referenced: false,
            takenByDelete: false,
          };
          const ask = (ownCopy: boolean): ReconcileAnswer | EvidenceRequest =>
            reconcile({
              entry,
              state,
              me: 'A',
              ready: true,
              why: 'scan',
              removalsHalted: false,
              evidence: { ...evidence, ownCopy },
            });
          expect([on, column, ask(false)]).toEqual([on, column, meaningOf(cell, answers)]);
          expect([on, column, ask(true)]).toEqual([
            on,
            column,
            cell.endsWith('¹') ? 'restore' : meaningOf(cell, answers),
          ]);
        }
      });
    }
  }
});

test('docs/design/placing-files.md shows how replaced files are resolved', () => {
  const rows = tableOf('placing-files.md', 'what was replaced or removed is, by now');
  expect(rows).toHaveLength(5);
  for (const [is = '', ...cells] of rows) {
    const state =
      (['current', 'superseded', 'conflicting', 'unknown'] as FileState[]).find((one) =>
        is.startsWith(one),
      ) ?? 'absent';
    const sent = is.includes('moved on') ? 'before' : 'v1';
    (['replaced', 'removed', 'leftover'] as ReplacedBy[]).forEach((by, column) => {
      const cell = cells[column] ?? '';
      if (cell === '–') return;
      const ask = (isNews: boolean): Resolution =>
        resolveByState({
          entry: fileEntry({ version: 'v1' }),
          state,
          by,
          sent,
          decidedByRule: false,
          contentCompared: true,
          willBeCaptured: isNews,
        });
      expect([is, by, ask(false)]).toEqual([is, by, meaningOf(cell, resolutions)]);
      expect([is, by, ask(true)]).toEqual([
        is,
        by,
        cell.endsWith('³') ? 'put-back' : meaningOf(cell, resolutions),
      ]);
    });
  }
});
