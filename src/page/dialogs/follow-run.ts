import { addressOf, type Api } from '../api.js';
import type { WireRun } from '../wire.js';

const pollMs = 700;

export const hasEnded = ({ state }: Pick<WireRun, 'state'>): boolean =>
  state !== 'requested' && state !== 'running';

/** Reads a run again and again until it has ended, or until `signal` aborts. */
export async function followRun(
  api: Api,
  run: WireRun,
  onProgress: (run: WireRun) => void,
  signal: AbortSignal,
): Promise<WireRun> {
  let current = run;
  while (!hasEnded(current)) {
    onProgress(current);
    await pause(pollMs, signal);
    current = (await api.get<{ run: WireRun }>(addressOf('runs', run.id), {}, signal)).run;
  }
  return current;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(new DOMException('the dialog was closed', 'AbortError'));
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, ms);
    signal.addEventListener('abort', stop, { once: true });
  });
}
