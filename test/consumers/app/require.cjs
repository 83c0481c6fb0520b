const assert = require('node:assert');
const express = require('express');
const mongoose = require('mongoose');
const { createSyncMedia, startSyncMedia, syncAdmin, syncMedia } = require('syncmedia');

exports.consume = async function consume(options = {}) {
  const schema = new mongoose.Schema({ title: String });
  schema.plugin(syncMedia, { syncDirs: 'uploads/' });
  const connection = mongoose.createConnection();
  const Photo = connection.model('Photo', schema);
  express().use('/sync-admin', syncAdmin());
  const sync = await startSyncMedia();
  await connection.openUri(process.env.CONSUMER_MONGODB_URI, { serverSelectionTimeoutMS: 5000, ...options });
  assert.equal((await Photo.create({ title: 'a title' })).title, 'a title');
  await sync.close();
  await createSyncMedia({ connection }).close();
  await connection.close();
};

if (require.main === module) exports.consume().then(() => console.log('consumed'));
