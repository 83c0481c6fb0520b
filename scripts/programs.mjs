import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

/**
 * @param {string} name
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<string | undefined>} where the PATH finds it
 */
export async function findProgram(name, env = process.env) {
  for (const dir of (env.PATH ?? '').split(delimiter)) {
    const file = join(dir, name);
    if (dir !== '' && (await isProgram(file))) return file;
  }
  return undefined;
}

/** @param {string} file */
export const isProgram = (file) =>
  access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
