import { pushAsPredecessor } from '../baselines.js';
import { dir } from '../../test/flow/site.js';
import type { Alternative } from './alternative.js';

const folder = `${dir}/predecessor`;

export const predecessor: Alternative = {
  name: 'django-syncmedia’s command',
  settings: '`rsync -avz` of the sync dir to each host, within the save',
  open({ sender, receivers, key }) {
    return Promise.resolve({
      folder,
      async store(name, content) {
        await sender.write(`${folder}/${name}`, content);
        for (const receiver of receivers) await pushAsPredecessor(key, sender, receiver);
      },
      countDatabaseBytes: () => Promise.resolve(0),
      share: 20,
      close: () => Promise.resolve(),
    });
  },
};
