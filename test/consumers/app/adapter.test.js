const { consume } = require('./require.cjs');

// The driver of Mongoose 9 takes this instead of importing it.
it('is consumed', () => consume({ runtimeAdapters: { os: require('node:os') } }), 20_000);
