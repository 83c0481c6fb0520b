import { describeDeployed } from './describe-deployed.js';
import { npm } from './managers.js';

describeDeployed({
  'an application in NestJS': {
    manifest: 'nest',
    manager: npm,
    folder: 'nest',
    build: ['tsc', '--project', 'tsconfig.json'],
    site: 'site.js',
  },
  'an application in Next.js with a custom server': {
    manifest: 'next',
    manager: npm,
    folder: 'next',
    build: ['next', 'build'],
    site: 'site.mjs',
  },
});
