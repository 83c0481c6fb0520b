import { userInfo } from 'node:os';
import { SyncMediaError } from '../model/errors.js';

/**
 * Returns the name and id of the user who runs this process.
 *
 * @throws NO_USER if the id has no name here, as in a container that was started with any id
 */
export function getCurrentUser(): { username: string; uid: number } {
  try {
    const { username, uid } = userInfo();
    return { username, uid };
  } catch (error) {
    throw new SyncMediaError(
      'NO_USER',
      `the user id ${String(process.getuid?.())} of this process has no name here, so ssh and ` +
        `sshd refuse to work for it: add a line for it to /etc/passwd, or run this as a user ` +
        `that has one`,
      { cause: error },
    );
  }
}

/** Names the user who runs this process for people, as "uid 1234" if the id has no name. */
export function nameCurrentUser(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${String(process.getuid?.())}`;
  }
}
