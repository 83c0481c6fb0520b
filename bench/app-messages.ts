import type { ChildProcess } from 'node:child_process';
import type { Worker } from 'node:cluster';

/** What a benchmark tells a process of the app, and is told by it. */
export type Ask =
  | { ask: 'save'; file: string }
  | { ask: 'usage'; anew?: boolean; watch?: boolean }
  | { ask: 'drain'; to: string }
  | { ask: 'end' };
export interface SavedThere {
  told: 'saved';
  began: number;
  saved: number;
}
export interface Usage {
  told: 'usage';
  at: number;
  commands: Record<string, number>;
  cpu: { user: number; system: number };
  rss: number;
  peak: number;
}
export type Told =
  | { told: 'starting'; at: number }
  | { told: 'started' }
  | { told: 'drained' }
  | { told: 'lease'; held: boolean }
  | SavedThere
  | Usage;

/**
 * The next thing of this kind that the process says. @throws where it ends before, or says nothing
 * for `minutes`
 */
export function nextOf<K extends Told['told']>(
  child: ChildProcess | Worker,
  kind: K,
  minutes = 1,
): Promise<Extract<Told, { told: K }>> {
  return new Promise((resolve, reject) => {
    const finish = (act: () => void): void => {
      clearTimeout(late);
      child.off('message', onMessage);
      child.off('exit', onExit);
      act();
    };
    const onMessage = (told: Told): void => {
      if (told.told === kind)
        finish(() => {
          resolve(told as Extract<Told, { told: K }>);
        });
    };
    const onExit = (): void => {
      finish(() => {
        reject(new Error(`the app ended before it said "${kind}"`));
      });
    };
    const late = setTimeout(() => {
      finish(() => {
        reject(new Error(`the app did not say "${kind}" within ${String(minutes)} min`));
      });
    }, minutes * 60_000);
    child.on('message', onMessage);
    child.on('exit', onExit);
  });
}

export async function askFor<K extends 'saved' | 'usage' | 'drained'>(
  child: ChildProcess | Worker,
  message: Ask,
  kind: K,
  minutes?: number,
): Promise<Extract<Told, { told: K }>> {
  const answer = nextOf(child, kind, minutes);
  child.send(message);
  return answer;
}
