import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { describe } from 'vitest';
import { findTestProgram } from '../../scripts/test-programs.mjs';
import { startDaemon, type Daemon } from '../harness/daemon.js';
import { adapt, type Balancing } from './balanced-site.js';
import { describeBalancing } from './describe-balancing.js';

const program = (await findTestProgram('caddy')) ?? '';
const read = (file: string): string =>
  readFileSync(new URL(`../../examples/caddy/${file}`, import.meta.url), 'utf8');

/** A Caddy on loopback, without its address for administration. */
function startCaddy(text: (port: number) => string, port?: number): Promise<Daemon> {
  return startDaemon({
    name: 'Caddy',
    port,
    async configure(folder, itsPort) {
      const file = `${folder}/Caddyfile`;
      await writeFile(file, `{\n\tadmin off\n}\n${text(itsPort)}`);
      return [program, ['run', '--config', file, '--adapter', 'caddyfile']];
    },
  });
}

const balancing: Balancing = {
  startOnHost: (root, appPort, ownPort) =>
    startCaddy(
      (port) =>
        adapt(read('Caddyfile.host'), {
          ':8080 {': `http://127.0.0.1:${String(port)} {`,
          '/srv/app': root,
          '127.0.0.1:3000': `127.0.0.1:${String(appPort)}`,
        }),
      ownPort,
    ),
  startBalancer: ([one, two, three]) =>
    startCaddy((port) =>
      adapt(read('Caddyfile.balancer'), {
        'site.example.com {': `http://127.0.0.1:${String(port)} {`,
        'web1.example.com:8080': `127.0.0.1:${String(one)}`,
        'web2.example.com:8080': `127.0.0.1:${String(two)}`,
        'web3.example.com:8080': `127.0.0.1:${String(three)}`,
      }),
    ),
};

describe.skipIf(program === '')(
  'examples/caddy (where there is no caddy: node scripts/setup.mjs --for tests)',
  () => {
    describeBalancing(balancing);
  },
);
