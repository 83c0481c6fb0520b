import assert from 'node:assert';
import { createRequire } from 'node:module';
import * as imported from 'syncmedia';
import { createSyncMedia, startSyncMedia, syncAdmin, syncMedia } from 'syncmedia';

const require = createRequire(import.meta.url);
const required = require('syncmedia');
assert.equal(required.syncMedia, syncMedia, 'two copies: the default instance would be two');
assert.deepEqual(Object.keys(imported).sort(), Object.keys(required).sort());
for (const name of [createSyncMedia, startSyncMedia, syncAdmin]) assert.equal(typeof name, 'function');
await require('./require.cjs').consume();
console.log('consumed');
