import { readFileSync } from 'node:fs';
import { describe } from 'vitest';
import { findTestProgram } from '../../scripts/test-programs.mjs';
import { startNginx } from '../serving/nginx.js';
import { adapt, type Balancing } from './balanced-site.js';
import { describeBalancing } from './describe-balancing.js';

const program = (await findTestProgram('nginx')) ?? '';
const read = (file: string): string =>
  readFileSync(new URL(`../../examples/nginx/${file}`, import.meta.url), 'utf8');

const balancing: Balancing = {
  startOnHost: (root, appPort, ownPort) =>
    startNginx(
      program,
      (port) =>
        adapt(read('host.conf'), {
          'listen 8080;': `listen 127.0.0.1:${String(port)};`,
          '/srv/app': root,
          'http://127.0.0.1:3000': `http://127.0.0.1:${String(appPort)}`,
        }),
      ownPort,
    ),
  startBalancer: ([one, two, three]) =>
    startNginx(program, (port) =>
      adapt(read('balancer.conf'), {
        'listen 80;': `listen 127.0.0.1:${String(port)};`,
        'web1.example.com:8080': `127.0.0.1:${String(one)}`,
        'web2.example.com:8080': `127.0.0.1:${String(two)}`,
        'web3.example.com:8080': `127.0.0.1:${String(three)}`,
      }),
    ),
};

describe.skipIf(program === '')(
  'examples/nginx (where there is no nginx: node scripts/setup.mjs --for tests)',
  () => {
    describeBalancing(balancing);
  },
);
