import { hostname } from 'node:os';
import { resolve } from 'node:path';
import type { Connection } from 'mongoose';
import { getErrorMessage, SyncMediaError } from '../model/errors.js';
import type { SyncMedia } from '../api/sync-media.js';
import type { Log } from '../model/log.js';
import { type Environment, readEnvironment } from '../config/environment.js';
import { findHome } from '../config/find-home.js';
import { readEnvFile } from './read-env-file.js';
import { nameCurrentUser } from '../util/current-user.js';

export interface OpenInstanceOptions {
  readonly envFile?: string;
  readonly stateDir?: string;
}

/**
 * How long to wait for a database that does not answer, unless the URI sets these options. The
 * driver's own defaults are 30 s. In milliseconds.
 */
const timeouts = { serverSelectionTimeoutMS: 5_000, connectTimeoutMS: 5_000 };

interface OpenedInstance {
  readonly sync: SyncMedia;
  /** The variables of the environment and of the env file. */
  readonly environment: Environment;
  readonly close: () => Promise<void>;
}

/**
 * Opens an instance on the database that SYNCMEDIA_MONGODB_URI names. `close` ends the instance
 * and the connection.
 *
 * @throws SyncMediaError BAD_ENVIRONMENT if the variable is missing or is no URI, NO_CONNECTION
 *   if no database answers
 */
export async function openInstance(
  options: OpenInstanceOptions,
  log: Log,
): Promise<OpenedInstance> {
  const variables = readEnvFile(options.envFile, process.env);
  // This reads only what is needed before there is an instance. The instance reads the variables
  // again, and warns of unknown ones.
  const { environment } = readEnvironment(variables, findHome(variables.HOME));
  const uri = environment.SYNCMEDIA_MONGODB_URI;
  if (uri === undefined) {
    throw new SyncMediaError(
      'BAD_ENVIRONMENT',
      'SYNCMEDIA_MONGODB_URI is not set: it must name the database of the app, ' +
        'as in mongodb://127.0.0.1:27017/app; set it, or put it into a file and give that with ' +
        '--env-file',
    );
  }
  const connection = await connectDatabase(uri);
  try {
    // Loaded on demand, like mongoose: `--help` and wrong usage should not wait for them.
    const { createSyncMedia } = await import('../instance/create.js');
    const sync = createSyncMedia(
      {
        connection,
        environment: variables,
        log,
        ...(options.stateDir !== undefined && { stateDir: resolve(options.stateDir) }),
      },
      { scansPeriodically: false },
    );
    const close = async (): Promise<void> => {
      try {
        await sync.close();
      } finally {
        await connection.close();
      }
    };
    try {
      await sync.open();
    } catch (error) {
      await close();
      throw error;
    }
    return {
      sync: sync.as(describeUser()),
      environment,
      close,
    };
  } catch (error) {
    await connection.close();
    throw error;
  }
}

/** Names the user of the command line, as the audit log does. */
export function describeUser(): string {
  return `${nameCurrentUser()}@${hostname()} on the command line`;
}

async function connectDatabase(uri: string): Promise<Connection> {
  const { default: mongoose } = await import('mongoose');
  const connection = mongoose.createConnection();
  try {
    // Options would override the URI, so those that it sets are left out.
    return await connection.openUri(
      uri,
      Object.fromEntries(Object.entries(timeouts).filter(([name]) => !uri.includes(`${name}=`))),
    );
  } catch (error) {
    await connection.close();
    // The driver's messages name servers, never the URI with its password.
    throw new SyncMediaError(
      'NO_CONNECTION',
      `the database that SYNCMEDIA_MONGODB_URI names does not answer: ${getErrorMessage(error)}`,
      { cause: error },
    );
  }
}
