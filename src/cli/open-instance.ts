import { homedir, hostname, userInfo } from 'node:os';
import { resolve } from 'node:path';
import type { Connection } from 'mongoose';
import { messageOf, SyncMediaError } from '../errors/errors.js';
import type { SyncMedia } from '../instance.js';
import type { Log } from '../log.js';
import { type Environment, readEnvironment } from '../options/environment.js';
import { readEnvFile } from './read-env-file.js';

export interface InstanceOptions { readonly envFile?: string; readonly stateDir?: string }

/** Milliseconds until a database that does not answer is given up, unless the URI says otherwise; the driver's own are 30 s. */
const timeouts = { serverSelectionTimeoutMS: 5_000, connectTimeoutMS: 5_000 };

export interface OpenInstance {
  readonly sync: SyncMedia;
  /** What the environment and the env file say. */
  readonly environment: Environment;
  readonly close: () => Promise<void>;
}

/**
 * An instance on the database that SYNCMEDIA_MONGODB_URI names, open; `close` ends it and the connection.
 *
 * @throws SyncMediaError BAD_ENVIRONMENT where the variable is missing or no URI, NO_CONNECTION where no database answers
 */
export async function openInstance(options: InstanceOptions, log: Log): Promise<OpenInstance> {
  const variables = readEnvFile(options.envFile, process.env);
  // Here only what is needed before there is an instance, which reads the same again and warns of what it does not know.
  const { environment } = readEnvironment(variables, variables.HOME ?? homedir());
  const uri = environment.SYNCMEDIA_MONGODB_URI;
  if (uri === undefined) {
    throw new SyncMediaError('BAD_ENVIRONMENT', 'SYNCMEDIA_MONGODB_URI is not set: it must name the database of the app, '
      + 'as in mongodb://127.0.0.1:27017/app; set it, or put it into a file and give that with --env-file');
  }
  const connection = await connect(uri);
  try {
    // Loaded when needed, as mongoose is: `--help` and wrong usage should not wait for them.
    const { createSyncMedia } = await import('../create.js');
    const sync = createSyncMedia({
      connection, environment: variables, log, ...(options.stateDir !== undefined && { stateDir: resolve(options.stateDir) }),
    });
    const close = async (): Promise<void> => {
      try { await sync.close(); } finally { await connection.close(); }
    };
    try { await sync.open(); } catch (error) { await close(); throw error; }
    return { sync: sync.as(`${userInfo().username}@${hostname()} on the command line`), environment, close };
  } catch (error) {
    await connection.close();
    throw error;
  }
}

async function connect(uri: string): Promise<Connection> {
  const { default: mongoose } = await import('mongoose');
  const connection = mongoose.createConnection();
  try {
    // Options would win over the URI.
    return await connection.openUri(uri, Object.fromEntries(Object.entries(timeouts).filter(([name]) => !uri.includes(`${name}=`))));
  } catch (error) {
    await connection.close();
    // The driver's messages name servers, never the URI with its password.
    throw new SyncMediaError('NO_CONNECTION', `the database that SYNCMEDIA_MONGODB_URI names does not answer: ${messageOf(error)}`, { cause: error });
  }
}
