const mongoose = require('mongoose');

// A control without syncmedia.
it('connects', async () => {
  const connection = await mongoose.createConnection(process.env.CONSUMER_MONGODB_URI, { serverSelectionTimeoutMS: 5000 }).asPromise();
  await connection.collection('plain').insertOne({});
  await connection.close();
}, 20_000);
