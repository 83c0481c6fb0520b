import { readFileSync } from 'node:fs';

/** How many seconds the processors of this machine have worked. */
export function readCpuSeconds(): number {
  const [user = 0, nice = 0, system = 0, , , irq = 0, soft = 0] = (
    /^cpu +(.*)$/m.exec(readFileSync('/proc/stat', 'utf8'))?.[1] ?? ''
  )
    .split(' ')
    .map(Number);
  // In ticks of 10 ms.
  return (user + nice + system + irq + soft) / 100;
}
