import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * Where demo and tests keep what they fetched for themselves, outside the checkout so that a new
 * clone finds it again. As root it is one place for the machine: an ordinary user may run sshd from
 * there, and could not look into /root.
 *
 * @param {NodeJS.ProcessEnv} env
 * @returns {string}
 */
export function cacheDir(env = process.env) {
  if (env.XDG_CACHE_HOME) return join(env.XDG_CACHE_HOME, 'syncmedia-test');
  return process.getuid?.() === 0
    ? '/var/cache/syncmedia-test'
    : join(homedir(), '.cache', 'syncmedia-test');
}

/**
 * The places to look for what some setup step fetched earlier, this user's own first.
 *
 * @param {NodeJS.ProcessEnv} env
 * @returns {string[]}
 */
export function cacheDirs(env = process.env) {
  return [...new Set([cacheDir(env), '/var/cache/syncmedia-test'])];
}
