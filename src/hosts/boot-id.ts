import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';

/** Another one at each boot of each machine (Linux); elsewhere the hostname stands for it. */
export function readBootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return hostname();
  }
}
