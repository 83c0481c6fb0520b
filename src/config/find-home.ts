import { homedir } from 'node:os';

/**
 * Finds the home of the user who runs this process. Containers give `/` to an id without a name;
 * where HOME is missing as well, this does the same.
 */
export function findHome(home = process.env['HOME']): string {
  if (home) return home;
  try {
    return homedir();
  } catch {
    return '/';
  }
}
