// Reads the hosts of django-syncmedia, as `manage.py dumpdata syncmedia.host` prints them. Prints
// the command that registers each of them with syncmedia or, with --keys, their public keys.
import { text } from 'node:stream/consumers';
import { isAbsolute, relative } from 'node:path';
import { parseArgs } from 'node:util';

/**
 * @typedef {{ hostname: string, url: string, port: number, username: string | null, pubkey: string,
 *   sync_dirs?: string | string[] | null, root_path?: string | null }} DjangoHost
 */

const { values: options } = parseArgs({
  options: {
    root: { type: 'string' },
    'sync-dirs': { type: 'string', default: 'media,hidden' },
    keys: { type: 'boolean', default: false },
  },
});
/** @type {unknown} */
const parsed = JSON.parse(await text(process.stdin));
const rows = /** @type {{ model: string, fields: DjangoHost }[]} */ (parsed);
const hosts = rows.filter(({ model }) => model === 'syncmedia.host').map(({ fields }) => fields);
for (const host of hosts)
  console.log(options.keys ? formatKey(host) : `# on ${host.hostname}:\n${formatInit(host)}`);

/** @param {DjangoHost} host */
function formatInit({ hostname, url, port, username, sync_dirs: syncDirs, root_path: path }) {
  const root = path || options.root;
  if (!root) throw new Error(`${hostname} has no root_path: give PROJECT_PATH in --root`);
  const listed =
    typeof syncDirs === 'string'
      ? /** @type {string[]} */ (JSON.parse(syncDirs || '[]'))
      : syncDirs;
  const dirs = listed?.length ? listed : options['sync-dirs'].split(',');
  const words = [
    ...['npx', 'syncmedia', 'init', '--hostname', hostname, '--url', url, '--port', String(port)],
    ...(username ? ['--username', username] : []),
    ...['--root', root, '--sync-dirs', dirs.map((dir) => toSyncDir(dir, root)).join(',')],
    '--generate',
  ];
  return words.map(quote).join(' ');
}

/** @param {string} dir @param {string} root */
function toSyncDir(dir, root) {
  const below = (isAbsolute(dir) ? relative(root, dir) : dir).replace(/\/+$/, '');
  if (below === '' || below.startsWith('..'))
    throw new Error(`the directory ${dir} does not lie below ${root}`);
  return below;
}

/**
 * Type and key, without the comment, so that it is found in any line of authorized_keys.
 *
 * @param {DjangoHost} host
 */
function formatKey({ hostname, pubkey }) {
  const [key] = /^(?:ssh|ecdsa|sk)-\S+ [A-Za-z0-9+/=]{40,}/.exec(pubkey.trim()) ?? [];
  // grep -f takes an empty line for a pattern that matches every line.
  if (key === undefined) throw new Error(`the pubkey of ${hostname} is no public key`);
  return key;
}

/** For a shell. @param {string} word */
function quote(word) {
  return /^[\w.,/:@-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
