import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { SyncMediaError } from '../errors/errors.js';
import type { Variables } from '../options/environment.js';

/**
 * The environment with what an env file adds, read as `node --env-file` reads it: what is set already stays. Node 20 takes
 * that option for its own wherever it stands, so there this adds nothing, and Node says itself that a file is missing (exit code 9).
 *
 * @throws SyncMediaError BAD_OPTION where the file cannot be read
 */
export function readEnvFile(file: string | undefined, variables: Variables): Variables {
  if (file === undefined) return variables;
  try {
    return { ...parseEnv(readFileSync(file, 'utf8')), ...variables };
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no such file' : (error as Error).message;
    throw new SyncMediaError('BAD_OPTION', `--env-file ${file}: ${reason}`, { cause: error });
  }
}
