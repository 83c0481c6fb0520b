import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { SyncMediaError } from '../model/errors.js';
import type { Variables } from '../config/environment.js';

/**
 * Returns the environment with the variables of an env file. As with `node --env-file`, variables
 * that are set already stay.
 *
 * Node 20 takes that option for its own wherever it stands. There the variables are set already,
 * and Node itself reports a missing file (exit code 9).
 *
 * @throws SyncMediaError BAD_OPTION if the file cannot be read
 */
export function readEnvFile(file: string | undefined, variables: Variables): Variables {
  if (file === undefined) return variables;
  try {
    // Some editors begin a file with a byte order mark. It is no part of the first name.
    const text = readFileSync(file, 'utf8').replace(/^\ufeff/, '');
    return { ...parseEnv(text), ...variables };
  } catch (error) {
    const reason =
      (error as NodeJS.ErrnoException).code === 'ENOENT'
        ? 'there is no such file'
        : (error as Error).message;
    throw new SyncMediaError('BAD_OPTION', `--env-file ${file}: ${reason}`, { cause: error });
  }
}
