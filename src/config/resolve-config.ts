import { isAbsolute, join, normalize } from 'node:path';
import { SyncMediaError } from '../model/errors.js';
import { escapeMessages } from '../model/log.js';
import type { Config, SyncMediaOptions } from './config.js';
import { type Environment, fillDefaults, listVariables, readEnvironment } from './environment.js';
import { findHome } from './find-home.js';
import { resolveHistory } from './history-options.js';
import { instanceOptions } from './instance-options.js';
import { loadModelSync, type ModelSync, resolveModelSync } from './model-sync.js';
import { describeUnknown } from './nearest.js';
import { parseOptions } from './option-definition.js';

/**
 * The limit for the path of a Unix socket on Linux is 107 bytes, on macOS 103. Node silently
 * truncates longer ones.
 */
const socketPathLimit = 103;
const socketName = 'leader.sock';

/**
 * Combines options and environment into one configuration. An option wins over its variable.
 * Warns once about unknown SYNCMEDIA_ variables. Throws BAD_OPTION, BAD_ENVIRONMENT,
 * BAD_SYNC_DIR, and BAD_STATE if the path of the socket in the state folder would be too long.
 */
export function resolveConfig(options: SyncMediaOptions = {}): Config {
  const {
    log: givenLog,
    collectionPrefix,
    ...given
  } = parseOptions(instanceOptions, options, 'createSyncMedia');
  const log = escapeMessages(givenLog);
  const variables = given.environment ?? process.env;
  const home = findHome(variables['HOME']);
  const { environment: set, unknown } = readEnvironment(variables, home);
  const environment = fillDefaults(set);
  if (unknown.length > 0)
    log.warn(
      `unknown environment variables are ignored: ${describeUnknown(unknown, listVariables())}`,
    );
  return {
    stateDir: resolveStateDir(
      given.stateDir ?? environment.SYNCMEDIA_STATE_DIR,
      variables['XDG_STATE_HOME'],
      home,
    ),
    collectionPrefix,
    modelSync: chooseModelSync(given.modelSync, environment),
    log,
    timeoutMs: environment.SYNCMEDIA_TIMEOUT * 1000,
    backend: environment.SYNCMEDIA_BACKEND,
    history: resolveHistory(given.history, environment),
    bandwidthLimit: environment.SYNCMEDIA_BWLIMIT,
    chmod: environment.SYNCMEDIA_CHMOD,
    key: environment.SYNCMEDIA_KEY ?? environment.PATH_RSA,
    identityFile: environment.SYNCMEDIA_IDENTITY,
    init: {
      root: environment.SYNCMEDIA_ROOT,
      syncDirs: environment.SYNCMEDIA_SYNC_DIRS,
      hostname: environment.SYNCMEDIA_HOSTNAME,
      url: environment.SYNCMEDIA_URL,
      sshPort: environment.SYNCMEDIA_SSH_PORT,
      username: environment.SYNCMEDIA_USERNAME,
      unconfined: environment.SYNCMEDIA_UNCONFINED,
      authorizedKeysFile: environment.SYNCMEDIA_AUTHORIZED_KEYS,
      defaultAuthorizedKeysFile: join(home, '.ssh', 'authorized_keys'),
    },
    pullCron: environment.SYNCMEDIA_PULL_CRON,
    verifyCron: environment.SYNCMEDIA_VERIFY_CRON,
    reloadCommand: environment.SYNCMEDIA_RELOAD_COMMAND,
    adminToken: environment.SYNCMEDIA_ADMIN_TOKEN,
    autoApprove: environment.SYNCMEDIA_AUTO_APPROVE,
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

function resolveStateDir(
  given: string | undefined,
  stateHome: string | undefined,
  home: string,
): string {
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

function chooseModelSync(given: ModelSync | undefined, environment: Environment): ModelSync {
  if (given !== undefined) return resolveModelSync(given, 'modelSync');
  const file = environment.SYNCMEDIA_MODEL_SYNC;
  return file === undefined ? {} : loadModelSync(file, 'SYNCMEDIA_MODEL_SYNC');
}
