import type { RecoverableFile } from '../api/reports.js';
import type { Layout } from './layout.js';
import { formatBytes } from './progress.js';

/** Formats the files of the conflicts or the trash as a list. */
export function formatRecoverable(
  noun: string,
  files: readonly RecoverableFile[],
  layout: Layout,
): string {
  return layout.addHint(
    layout.formatList(
      noun,
      ['SYNC DIR', 'PATH', 'SIZE', 'SINCE', 'KEPT AS'],
      files.map(({ dir, path, size, at, keptAs }) => [
        dir,
        path,
        formatBytes(size),
        layout.formatTime(at),
        keptAs,
      ]),
    ),
  );
}
