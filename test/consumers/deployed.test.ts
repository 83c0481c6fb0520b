import { describeDeployed } from './describe-deployed.js';
import { npm } from './managers.js';

describeDeployed({
  'a bundle of esbuild': {
    manifest: 'bundlers',
    manager: npm,
    build: [
      'esbuild',
      'site.cjs',
      '--bundle',
      '--platform=node',
      '--minify',
      '--loader:.node=copy',
      '--outdir=esbuilt',
      '--out-extension:.js=.cjs',
      '--log-level=error',
    ],
    bundle: 'esbuilt',
  },
  'a bundle of webpack': {
    manifest: 'bundlers',
    manager: npm,
    build: ['node', 'build-by-webpack.cjs'],
    bundle: 'webpacked',
  },
  'a bundle of Rollup': {
    manifest: 'bundlers',
    manager: npm,
    build: ['rollup', '--config', 'rollup.config.mjs', '--silent'],
    bundle: 'rolled',
  },
});
