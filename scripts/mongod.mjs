// A real mongod through mongodb-memory-server: installed, cached, or downloaded.
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { findProgram } from './programs.mjs';

const DOWNLOAD_PROBE_MS = 1500;

/**
 * @param {string} binary
 * @returns {Promise<{ uri: string, stop: () => Promise<void> }>}
 */
export async function startMongod(binary) {
  // Any version does; without this, one that is not the newest is warned about at each start.
  process.env.MONGOMS_SYSTEM_BINARY_VERSION_CHECK ??= 'false';
  const { MongoMemoryReplSet } = await import('mongodb-memory-server-core');
  const set = await MongoMemoryReplSet.create({
    binary: { systemBinary: binary },
    // Detached, so that a ctrl-C reaches only us and we can close in order; the package ends it
    // when we are gone.
    replSet: { count: 1, ip: '127.0.0.1', spawn: { detached: true } },
  });
  return {
    uri: set.getUri(),
    stop: async () => void (await set.stop({ doCleanup: true, force: true })),
  };
}

/**
 * @param {NodeJS.ProcessEnv} env @returns {Promise<string | undefined>} one that is installed or
 *   was downloaded before
 */
export async function findMongod(env) {
  const { DryMongoBinary } = await import('mongodb-memory-server-core/lib/util/DryMongoBinary.js');
  const installed = env.MONGOMS_SYSTEM_BINARY ?? (await findProgram('mongod', env));
  if (installed) return installed;
  // It throws on a system for which there are no downloads.
  return DryMongoBinary.generateOptions().then(
    (options) => DryMongoBinary.locateBinary(options),
    () => undefined,
  );
}

export async function downloadMongod() {
  const { MongoBinary } = await import('mongodb-memory-server-core/lib/util/MongoBinary.js');
  return MongoBinary.getPath();
}

/**
 * Asked before any download: offline, the downloader's own retries take 7 s, and a stalled
 * connection 60.
 *
 * @param {NodeJS.ProcessEnv} env
 */
export async function canDownload(env) {
  const {
    resolveConfig,
    ResolveConfigVariables: names,
    envToBool,
  } = await import('mongodb-memory-server-core/lib/util/resolveConfig.js');
  if (!envToBool(resolveConfig(names.RUNTIME_DOWNLOAD))) return false;
  const host = new URL(resolveConfig(names.DOWNLOAD_MIRROR) ?? 'https://fastdl.mongodb.org');
  const proxy = env.HTTPS_PROXY ?? env.https_proxy;
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(DOWNLOAD_PROBE_MS);
    const secure = host.protocol === 'https:';
    const asked = proxy
      ? requestHttp(proxy, {
          method: 'CONNECT',
          path: `${host.hostname}:${host.port || 443}`,
          signal,
        })
      : (secure ? requestHttps : requestHttp)(host, { method: 'HEAD', signal });
    /** @param {{ statusCode?: number }} answer */
    const readStatus = ({ statusCode = 0 }) => {
      asked.destroy();
      resolve(statusCode > 0 && statusCode < 500 && (!proxy || statusCode === 200));
    };
    asked.on('response', readStatus).on('connect', readStatus);
    asked.on('error', () => resolve(false)).end();
  });
}
