const { consume } = require('./require.cjs');

it('is consumed', () => consume());
