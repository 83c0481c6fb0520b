// Ends what its parent had running when the parent is no more, however that ended. Told on standard
// input: `+PID MARK` has been started, `-PID` has ended by itself. Started by
// test/harness/guard.ts.
import { createInterface } from 'node:readline';
import { endProcesses } from './processes.mjs';

/** @type {Map<number, string>} */
const running = new Map();
for await (const line of createInterface(process.stdin)) {
  const [, sign, pid, mark] = /^([+-])(\d+) ?(.*)$/.exec(line) ?? [];
  if (sign === '+') running.set(Number(pid), mark ?? '');
  if (sign === '-') running.delete(Number(pid));
}
for (const [pid, mark] of running)
  await endProcesses([pid], { patience: 200, ...(mark ? { mark } : {}) });
