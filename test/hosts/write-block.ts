// A process of its own: writes one block into an authorized_keys file. Arguments: file, owner,
// line.
import { writeManagedBlock } from '../../src/access/authorized-keys.js';

const [file = '', owner = '', line = ''] = process.argv.slice(2);
await writeManagedBlock(file, owner, () => [line]);
