// A host of a small site, for a moment: `save PATH` saves a document that names the file, and waits until every host has it;
// `get PATH` is a visitor of this host, who is told the text of the file.
const express = require('express');
const mongoose = require('mongoose');
const { serveMedia, startSyncMedia, syncMedia } = require('syncmedia');

async function main([what, path]) {
  const schema = new mongoose.Schema({ file: String });
  schema.plugin(syncMedia, { syncDirs: 'uploads' });
  const Photo = mongoose.model('Photo', schema);
  await mongoose.connect(process.env.CONSUMER_MONGODB_URI, { serverSelectionTimeoutMS: 10_000 });
  const sync = await startSyncMedia();
  try {
    if (what === 'save') {
      await Photo.create({ file: path });
      console.log(JSON.stringify(await sync.waitFor(path, { copies: 'all', timeout: 60_000 })));
    } else {
      const app = express();
      app.use('/uploads', serveMedia('uploads'));
      const server = await new Promise((resolve) => { const listening = app.listen(0, '127.0.0.1', () => { resolve(listening); }); });
      const response = await fetch(`http://127.0.0.1:${server.address().port}/${path}`);
      console.log(JSON.stringify({ status: response.status, text: await response.text() }));
      await new Promise((resolve) => { server.close(resolve); server.closeAllConnections(); });
    }
  } finally {
    await sync.close();
    await mongoose.disconnect();
  }
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
