/**
 * What somebody with bad intentions may name a file, write into a row or give as an option. Whoever executes a part of it makes a
 * file called `canary` somewhere.
 */
export const canary = 'syncmedia-canary';
const touch = `touch ${canary}`;

const commands = [
  `$(${touch})`, `\`${touch}\``, `;${touch};`, `|${touch}`, `&&${touch}`, `||${touch}`, `&${touch}&`, `\n${touch}\n`, `\r\n${touch}`, `>${canary}`, `<(${touch})`,
  `';${touch};'`, `";${touch};"`, `'$(${touch})'`, `"$(${touch})"`, `\\';${touch};\\'`, `$'\\n'${touch}`, `%0a${touch}`, `\${IFS}${touch}`, `{${touch},x}`, `!${touch}`,
  `%h;${touch}`, `%u$(${touch})`, `{{${touch}}}`, `<%=${touch}%>`, `#{${touch}}`, `$(touch\t${canary})`, `;touch$IFS${canary};`, `x';touch ${canary} #`,
];
const asOptions = [
  '-', '--', '-e', '-e sh', `-e${touch}`, `--rsh=${touch}`, `--rsync-path=${touch}`, '-rf', '--delete', '--remove-source-files', '--files-from=x', '--daemon', '--server', '--sender',
  `-oProxyCommand=${touch}`, `-oLocalCommand=${touch}`, '-F x', '-S none', '-D', '--super', '--write-devices', '--copy-devices', '--log-file=x', '--password-file=x', '--version', '--help', '+',
  '@', ':', 'host:file', 'root@host:file', '::module', 'rsync:', '[::1]:x', '-', '--files-from=-', '- *', '+ *', '. x', ': x', '!', ';', '#',
];
const letters = [
  ' ', '  ', ' leading', 'trailing ', '\t', 'a\tb', '\n', 'a\nb', '\r', 'a\rb', '\u0001', '\u0007', '\u001b[31mred', '\u001b]0;title\u0007', '\u007f', '\u0085', '\u00a0', '\u200b', '\u200e', '\u202etxt.exe',
  '\ufeff', '\u2028', '\u2029', '\ufffd', '\uffff', 'é', 'e\u0301', '🐢', '\u{1f469}\u200d\u{1f4bb}', 'ǅ', 'ß', 'ﬃ', 'İ', '日本語', 'עברית', 'العربية', 'a\u0338', 'ͣ', '\\', '\\\\', 'a\\b', '\\#011', '\\#134#134',
  '\\n', '\\0', '*', '?', '[a]', '[!a]', '[a-', '{a,b}', '~', '~root', '~/', '$HOME', '$$', '$(', '${', '`', '\'', '"', '\'\'', '""', '\'"\'', '|', '<', '>', '&', '(', ')', '^', '=', ',', '%', '%%', '%s%n', '%2e%2e%2f', '%00', '%2F', '%',
  '...', '....', '. .', '..a', 'a..', '.a', '.. ', ' ..', '.\n.', '..\\..', '..\\windows', 'C:\\', 'c:', 'NUL', 'CON', 'aux.txt', 'Thumbs.db', '.DS_Store', '.htaccess', '.bashrc', '.profile', '.ssh', '.rsync-filter',
  'authorized_keys', '.gitignore', '.syncmedia2', 'x.syncmedia', '.Syncmedia', '.SYNCMEDIA', 'id', 'lost+found', '.~tmp~', '.x.jpg.aBcDeF', 'core', '__proto__', 'constructor', 'toString', 'hasOwnProperty', '$set', '$where',
  'a.b', 'a.$.b', '0', '-0', '1e3', 'null', 'undefined', 'true', 'NaN', '[object Object]', '<script>alert(1)</script>.svg', '<img src=x onerror=alert(1)>', '"><svg onload=alert(1)>', 'javascript:alert(1)', 'a?b=c', 'a#b', 'a%b', 'a;b=c',
];
const long = ['a'.repeat(255), `${'é'.repeat(127)}x`, '🐢'.repeat(63), ' '.repeat(255), '-'.repeat(255), '\n'.repeat(255), '\\'.repeat(255), '*'.repeat(200)];

const isName = (name: string): boolean => name !== '' && !/[/\0]/.test(name) && name !== '.' && name !== '..' && Buffer.byteLength(name) <= 255;

/** Names of files that have to be synced byte-exactly. */
export const names: readonly string[] = [...new Set([...commands, ...asOptions, ...letters, ...long])].filter(isName);

/** Paths that have to be refused, wherever they come from; `DIR` is a sync dir. */
export const unsafePaths: readonly string[] = [
  '', '/', '.', '..', '../', './', '/etc/passwd', '/root/.ssh/authorized_keys', 'DIR', 'DIR/', 'DIR/.', 'DIR/..', 'DIR/../..', 'DIR/../../etc/passwd', 'DIR/../outside', 'DIR/./a', 'DIR//a', 'DIR/a/', 'DIR/a//b',
  '../DIR/a', './DIR/a', '//DIR/a', 'DIR/a\0', 'DIR/a\0.jpg', '\0', 'DIR/\0/../a', 'DIR/a/../b', 'DIR/a/..', 'DIR/.syncmedia', 'DIR/.syncmedia/id', 'DIR/.syncmedia/tmp/x', 'DIR/a/.syncmedia/b', '.syncmedia/id',
  'DIR/\ud800', 'DIR/\udc00x', 'DIR/x\ud83d', `DIR/${'a'.repeat(256)}`, `DIR/${'é'.repeat(128)}`, `DIR/${'ab/'.repeat(1500)}c`, `${'../'.repeat(50)}etc/passwd`, 'DIRx/a', 'other/a', 'DIR\\..\\a', 'DIR/../DIRx/a',
  '/proc/self/environ', '/dev/null', '/dev/stdin', 'file:///etc/passwd', '~/.ssh/id_rsa',
];

/** Values of a host's row that somebody may have written. Each makes the row unusable, and nothing else. */
export const rowValues: readonly (readonly [field: string, value: unknown])[] = [
  ...['-oProxyCommand=touch x', `-oProxyCommand=${touch}`, `a;${touch}`, `$(${touch})`, `a ${touch}`, `a\n  ProxyCommand ${touch}`, `a\nHost *\n  ProxyCommand ${touch}`, `a"\n`, 'a%h', 'a,b', 'a/b', '', ' ', '.', 'a..b', '-a', '[::1]:22', 'user@host', 'fe80::1%eth0', 'a\0b', '\u202e',
    `${'a'.repeat(254)}`].map((value) => ['url', value] as const),
  ...[0, -1, 65_536, 1.5, NaN, '22', `22 -oProxyCommand=${touch}`, `22\n  ProxyCommand ${touch}`, null, {}, true].map((value) => ['sshPort', value] as const),
  ...[`root;${touch}`, `-oProxyCommand=${touch}`, `$(${touch})`, 'a b', `a\n  ProxyCommand ${touch}`, '', '-l', 'a"b', "a'b", 'a\0b', '%u', null, {}, ['app']].map((value) => ['username', value] as const),
  ...[[], [''], ['x'], [`ssh-ed25519 AAAA\n* ssh-ed25519 BBBB`], ['@cert-authority * ssh-ed25519 AAAA'], ['ssh-dss AAAA'], [`ssh-ed25519 ${'A'.repeat(10)};${touch}`], ['command="x" ssh-ed25519 AAAA'], [null], 'ssh-ed25519 AAAA', null, {}]
    .map((value) => ['hostKeys', value] as const),
  ...['x', `ssh-ed25519 AAAA\nssh-ed25519 BBBB`, `command="${touch}" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIC5uvAVpC7JW/g9daC2CMKpg+ojVhYpt4ITjgEdd9iZU`, 'from="*" ssh-rsa AAAA', `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIC5uvAVpC7JW/g9daC2CMKpg+ojVhYpt4ITjgEdd9iZU\n${touch}`, '-----BEGIN OPENSSH PRIVATE KEY-----', 'ssh-ed25519 AAAA"', null, {}]
    .map((value) => ['publicKey', value] as const),
  ...['/root', '/', '/etc', '', 'relative', '../..', `/srv;${touch}`, `/srv$(${touch})`, `/srv\n${touch}`, '/srv\0', `-e ${touch}`, '/proc/self', '/dev', '~', null, {}].map((value) => ['rootPath', value] as const),
  ...[['/etc'], ['..'], ['../..'], [''], [`$(${touch})`], [null], 'uploads', {}].map((value) => ['syncDirs', value] as const),
  ...['../../x', `x;${touch}`, `x' ; ${touch} '`, 'x\ny', '-x', 'a/b', ' '].map((value) => ['_id', value] as const),
];

/** Values of environment variables that have to be refused by name. */
export const optionValues: readonly (readonly [variable: string, value: string])[] = [
  ...['http://x', 'x', `mongo;${touch}`].map((value) => ['SYNCMEDIA_MONGODB_URI', value] as const),
  ...['relative', '../x', 'a\0b'].map((value) => ['SYNCMEDIA_STATE_DIR', value] as const),
  ...['relative', '..', '/a\0b'].map((value) => ['SYNCMEDIA_ROOT', value] as const),
  ...['/etc', '..', '../x', 'a/../..', 'a,,b', 'a,/b', '.syncmedia', 'a/.syncmedia/b', 'a\0'].map((value) => ['SYNCMEDIA_SYNC_DIRS', value] as const),
  ...['-x', 'a b', `a;${touch}`, `$(${touch})`, 'a/b', 'a\nb', `${'a'.repeat(300)}`].map((value) => ['SYNCMEDIA_HOSTNAME', value] as const),
  ...[`-oProxyCommand=${touch}`, 'a b', 'http://x', 'a/b', 'a\nb', `$(${touch})`, 'user@host'].map((value) => ['SYNCMEDIA_URL', value] as const),
  ...['0', '65536', '-1', '22x', `22 -o x`, '0x16', '1e3', ' 22', '22\n'].map((value) => ['SYNCMEDIA_SSH_PORT', value] as const),
  ...['-l', 'a b', `root;${touch}`, 'a\nb', 'a/b', `$(${touch})`].map((value) => ['SYNCMEDIA_USERNAME', value] as const),
  ...['relative', '-i'].map((value) => ['SYNCMEDIA_IDENTITY', value] as const),
  ...['relative', '-'].map((value) => ['SYNCMEDIA_AUTHORIZED_KEYS', value] as const),
  ...['maybe', '2', '-1'].flatMap((value) => [['SYNCMEDIA_UNCONFINED', value], ['SYNCMEDIA_AUTO_APPROVE', value]] as const),
  ...['x', '* * * *', '99 * * * *', `* * * * * ; ${touch}`, '*/90 * * * *', '5-1 * * * *'].flatMap((value) => [['SYNCMEDIA_PULL_CRON', value], ['SYNCMEDIA_VERIFY_CRON', value]] as const),
  ...['0', '-1', 'x', '1e9', '30s', 'Infinity', 'NaN'].map((value) => ['SYNCMEDIA_TIMEOUT', value] as const),
  ...['0', '-1', '1.5', 'x', '10k', `1;${touch}`].map((value) => ['SYNCMEDIA_BWLIMIT', value] as const),
  ...['x', '644;', `F644;${touch}`, '--', 'F644 --rsh=x', 'u=rwz', '-R'].map((value) => ['SYNCMEDIA_CHMOD', value] as const),
  ...['git', 'rsync ', '../rsync', `rsync;${touch}`].map((value) => ['SYNCMEDIA_BACKEND', value] as const),
  ...['"unclosed', "'unclosed"].map((value) => ['SYNCMEDIA_RELOAD_COMMAND', value] as const),
  ...['short', 'a'.repeat(31), `${'a'.repeat(20)} ${'b'.repeat(20)}`].map((value) => ['SYNCMEDIA_ADMIN_TOKEN', value] as const),
  ...['short', 'a'.repeat(31)].flatMap((value) => [['SYNCMEDIA_SECRET', value], ['SYNCMEDIA_SECRET_PREVIOUS', value]] as const),
];
