import { untilIdle } from '../site.js';
import { dir } from '../../test/flow/site.js';
import type { Alternative } from './alternative.js';
import { measureCollections } from './collections.js';

const folder = `${dir}/ours`;

export const ours: Alternative = {
  name: 'syncmedia',
  settings: 'as users have it',
  open({ sender, app }) {
    let last = '';
    return Promise.resolve({
      folder,
      async store(name, content) {
        const file = (last = `${folder}/${name}`);
        await sender.write(file, content);
        await app.Photo.create({ title: name, file });
      },
      countDatabaseBytes: () =>
        measureCollections(app.connection, ['syncmedia_ledger', 'syncmedia_captures']),
      close: () => untilIdle(app, last),
    });
  },
};
