import { mkdir, writeFile } from 'node:fs/promises';
import { startDaemon, type Daemon } from '../harness/daemon.js';

/** Types that nginx has from Debian's configuration, as far as the tests ask for them. */
const TYPES = 'types { text/plain txt; text/html html; image/jpeg jpg; image/svg+xml svg; }';

/**
 * An nginx on loopback, in one process of this user, with nothing of the machine's own
 * configuration.
 *
 * @param servers returns the inside of `http { }` for the port of loopback on which it is to listen
 */
export function startNginx(
  program: string,
  servers: (port: number) => string,
  port?: number,
): Promise<Daemon> {
  return startDaemon({
    name: 'nginx',
    port,
    async configure(folder, itsPort) {
      const file = `${folder}/nginx.conf`;
      const kinds = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
      await mkdir(`${folder}/tmp`);
      const lines = [
        'daemon off;',
        'master_process off;',
        `pid ${folder}/pid;`,
        'error_log stderr;',
        'events {}',
        'http {',
        TYPES,
        'access_log off;',
        ...kinds.map((kind) => `${kind}_temp_path ${folder}/tmp/${kind};`),
        servers(itsPort),
        '}',
      ];
      await writeFile(file, lines.join('\n'));
      return [program, ['-p', folder, '-c', file, '-e', 'stderr']];
    },
  });
}
