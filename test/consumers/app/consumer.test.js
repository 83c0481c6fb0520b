const { consume } = require('./require.cjs');

it('is consumed', () => consume(), 20_000);
