import { homedir } from 'node:os';
import { isAbsolute, join, normalize } from 'node:path';
import { SyncMediaError } from '../model/errors.js';
import { stderrLog, type Log } from '../model/log.js';
import type { Config, SyncMediaOptions } from './config.js';
import { describeValue } from './describe-value.js';
import { type Environment, listVariables, readEnvironment } from './environment.js';
import { loadModelSync, type ModelSync, resolveModelSync } from './model-sync.js';
import { describeUnknown } from './nearest.js';

const instanceOptionNames = [
  'connection',
  'stateDir',
  'collectionPrefix',
  'modelSync',
  'log',
  'environment',
] as const satisfies readonly (keyof SyncMediaOptions)[];

/**
 * The limit for the path of a Unix socket on Linux is 107 bytes, on macOS 103. Node silently
 * truncates longer ones.
 */
const socketPathLimit = 103;
const socketName = 'leader.sock';

const defaultTimeoutSeconds = 30;

/**
 * Combines options and environment into one configuration. An option wins over its variable.
 * Warns once about unknown SYNCMEDIA_ variables. Throws BAD_OPTION, BAD_ENVIRONMENT,
 * BAD_SYNC_DIR, and BAD_STATE if the path of the socket in the state folder would be too long.
 */
export function resolveConfig(options: SyncMediaOptions = {}): Config {
  refuseUnknown(options);
  const log = resolveLog(options.log);
  const variables = options.environment ?? process.env;
  const home = variables['HOME'] || homedir();
  const { environment, unknown } = readEnvironment(variables, home);
  if (unknown.length > 0)
    log.warn(
      `unknown environment variables are ignored: ${describeUnknown(unknown, listVariables())}`,
    );
  return {
    stateDir: resolveStateDir(
      options.stateDir ?? environment.SYNCMEDIA_STATE_DIR,
      variables['XDG_STATE_HOME'],
      home,
    ),
    collectionPrefix: resolvePrefix(options.collectionPrefix),
    modelSync: chooseModelSync(options.modelSync, environment),
    log,
    timeoutMs: (environment.SYNCMEDIA_TIMEOUT ?? defaultTimeoutSeconds) * 1000,
    backend: environment.SYNCMEDIA_BACKEND ?? 'rsync',
    bandwidthLimit: environment.SYNCMEDIA_BWLIMIT,
    chmod: environment.SYNCMEDIA_CHMOD ?? 'F644',
    key: environment.SYNCMEDIA_KEY ?? environment.PATH_RSA,
    identityFile: environment.SYNCMEDIA_IDENTITY,
    authorizedKeysFile:
      environment.SYNCMEDIA_AUTHORIZED_KEYS ?? join(home, '.ssh', 'authorized_keys'),
    init: {
      root: environment.SYNCMEDIA_ROOT,
      syncDirs: environment.SYNCMEDIA_SYNC_DIRS,
      hostname: environment.SYNCMEDIA_HOSTNAME,
      url: environment.SYNCMEDIA_URL,
      sshPort: environment.SYNCMEDIA_SSH_PORT,
      username: environment.SYNCMEDIA_USERNAME,
      unconfined: environment.SYNCMEDIA_UNCONFINED,
    },
    pullCron: environment.SYNCMEDIA_PULL_CRON,
    verifyCron: environment.SYNCMEDIA_VERIFY_CRON,
    reloadCommand: environment.SYNCMEDIA_RELOAD_COMMAND,
    adminToken: environment.SYNCMEDIA_ADMIN_TOKEN,
    autoApprove: environment.SYNCMEDIA_AUTO_APPROVE ?? true,
    ...resolveSecrets(environment),
    mongodbUri: environment.SYNCMEDIA_MONGODB_URI,
  };
}

function resolveSecrets({
  SYNCMEDIA_SECRET: secret,
  SYNCMEDIA_SECRET_PREVIOUS: previousSecret,
}: Environment): Pick<Config, 'secret' | 'previousSecret'> {
  if (secret !== undefined || previousSecret === undefined) return { secret, previousSecret };
  throw new SyncMediaError(
    'BAD_ENVIRONMENT',
    'SYNCMEDIA_SECRET_PREVIOUS is set and SYNCMEDIA_SECRET is not: set that to the new secret',
  );
}

function refuseUnknown(options: unknown): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new SyncMediaError(
      'BAD_OPTION',
      `createSyncMedia: options must be an object, not ${describeValue(options)}.`,
    );
  }
  const unknown = Object.keys(options).filter(
    (name) => !(instanceOptionNames as readonly string[]).includes(name),
  );
  if (unknown.length > 0) {
    throw new SyncMediaError(
      'BAD_OPTION',
      `createSyncMedia: unknown option ${describeUnknown(unknown, instanceOptionNames)}; known are ` +
        `${instanceOptionNames.join(', ')}.`,
    );
  }
}

function resolveLog(log: Log | undefined): Log {
  if (log === undefined) return stderrLog;
  for (const method of ['info', 'warn', 'error'] as const) {
    if (typeof (log as Partial<Log>)[method] !== 'function') {
      throw new SyncMediaError(
        'BAD_OPTION',
        `createSyncMedia: log has no method "${method}"; give a logger with info, warn and error.`,
      );
    }
  }
  return log;
}

function resolveStateDir(
  given: string | undefined,
  stateHome: string | undefined,
  home: string,
): string {
  if (given !== undefined && (typeof given !== 'string' || !isAbsolute(given))) {
    throw new SyncMediaError(
      'BAD_OPTION',
      `createSyncMedia: stateDir is ${describeValue(given)}; expected an absolute path.`,
    );
  }
  // By the XDG specification, a relative value is invalid and ignored.
  const base =
    stateHome !== undefined && isAbsolute(stateHome) ? stateHome : join(home, '.local', 'state');
  const dir = normalize(given ?? join(base, 'syncmedia')).replace(/(?<=.)\/+$/, '');
  const socket = join(dir, socketName);
  if (Buffer.byteLength(socket) > socketPathLimit) {
    throw new SyncMediaError(
      'BAD_STATE',
      `The state folder "${dir}" is too long a path: its socket ${socketName} would have ` +
        `${String(Buffer.byteLength(socket))} bytes, ${String(socketPathLimit)} are possible. ` +
        `Choose a shorter one with stateDir or SYNCMEDIA_STATE_DIR.`,
    );
  }
  return dir;
}

function resolvePrefix(prefix: string | undefined): string {
  if (prefix === undefined) return 'syncmedia_';
  if (typeof prefix !== 'string' || !/^[A-Za-z_][\w-]{0,63}$/.test(prefix)) {
    throw new SyncMediaError(
      'BAD_OPTION',
      `createSyncMedia: collectionPrefix is ${describeValue(prefix)}; expected letters, digits, ` +
        `"_" and "-", at most 64.`,
    );
  }
  return prefix;
}

function chooseModelSync(given: ModelSync | undefined, environment: Environment): ModelSync {
  if (given !== undefined) return resolveModelSync(given, 'modelSync');
  const file = environment.SYNCMEDIA_MODEL_SYNC;
  return file === undefined ? {} : loadModelSync(file, 'SYNCMEDIA_MODEL_SYNC');
}
