// A process that loads Mongoose and connects: what the start of any app takes before syncmedia has
// a part in it.
import mongoose from 'mongoose';

const connection = await mongoose.createConnection(process.env.BENCH_URI ?? '').asPromise();
process.send?.('connected');
await connection.close();
process.disconnect();
