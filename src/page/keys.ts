/** What a key does. */
export type KeyCommand = 'find' | 'pause' | 'help' | 'overview' | 'files' | 'runs' | 'conflicts';

const targets: Readonly<Record<string, KeyCommand>> = {
  o: 'overview',
  f: 'files',
  r: 'runs',
  c: 'conflicts',
};
/** `g` and the letter after it belong together for so long. */
const sequenceMs = 1_500;

/** Reads keys one after the other; returns a command once one is complete. */
export class KeyReader {
  private beganAt = -Infinity;

  read(key: string, now: number): KeyCommand | undefined {
    const isSecond = now - this.beganAt <= sequenceMs;
    this.beganAt = key === 'g' ? now : -Infinity;
    if (isSecond && targets[key] !== undefined) return targets[key];
    if (key === '/') return 'find';
    if (key === 'p') return 'pause';
    return key === '?' ? 'help' : undefined;
  }
}
