// A host of a small site, for one visitor: node site.cjs save PATH | get PATH
const { once } = require('node:events');
const express = require('express');
const mongoose = require('mongoose');
const { serveMedia, startSyncMedia } = require('syncmedia');
const { Photo } = require('./photo.cjs');
const { visit } = require('./visit.cjs');

async function main(words) {
  const app = express();
  app.use('/uploads', serveMedia('uploads'));
  app.post('/photos', express.json(), (request, response, next) => {
    Photo.create({ file: request.body.file }).then((photo) => response.status(201).json(photo), next);
  });
  await mongoose.connect(process.env.CONSUMER_MONGODB_URI, { serverSelectionTimeoutMS: 10_000 });
  const sync = await startSyncMedia();
  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    await visit(words, server.address().port, sync);
  } finally {
    server.close();
    server.closeAllConnections();
    await sync.close();
    await mongoose.disconnect();
  }
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
