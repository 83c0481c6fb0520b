import { describeDeployed } from './describe-deployed.js';
import { npmWorkspaces, pnpm, yarn } from './managers.js';

describeDeployed({
  "an application under Yarn Plug'n'Play": { manifest: 'plain', manager: yarn },
  'an application installed by pnpm': { manifest: 'plain', manager: pnpm },
  'an application whose models are in another npm workspace': {
    manifest: 'plain',
    manager: npmWorkspaces,
    folder: 'packages/web',
  },
});
