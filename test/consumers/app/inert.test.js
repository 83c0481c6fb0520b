const inert = require('./inert.cjs');

const modules = {
  express: require('express'),
  mongoose: require('mongoose'),
  syncmedia: require('syncmedia'),
  testing: require('syncmedia/testing'),
};
it('needs nothing without a database', () => inert.checkWithoutDatabase(modules));
it('sends the database of the application nothing of its own', () => inert.checkWithDatabase(modules), 20_000);
