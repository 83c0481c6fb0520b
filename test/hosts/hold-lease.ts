// A process of its own that tries for a lease, and prints its state. Each line of its input asks
// it whether it has the lease; their end lets it give the lease back. Arguments: database URI, host
// id, leaseMs, beatMs, and the folder of the socket it has as the holder.
import { createInterface } from 'node:readline';
import mongoose from 'mongoose';
import { getWakeSocketPath, WakeServer } from '../../src/leader/wake-socket.js';
import { getHostCollection } from '../../src/hosts/host-model.js';
import { Lease } from '../../src/leader/lease.js';
import { stderrLog } from '../../src/model/log.js';

const [uri = '', host = '', leaseMs, beatMs, stateDir = ''] = process.argv.slice(2);
const connection = await mongoose.createConnection(uri).asPromise();
const lease = new Lease({
  rows: () => getHostCollection(connection, 'p_'),
  host,
  leaseMs: Number(leaseMs),
  beatMs: Number(beatMs),
  log: stderrLog,
  socketPath: getWakeSocketPath(stateDir),
});
let socket: WakeServer | undefined,
  changing = Promise.resolve();

async function hold(): Promise<void> {
  if (!(await lease.confirm())) return;
  socket = new WakeServer(stateDir, () => true);
  lease.announceSocket(await socket.start());
}

async function stepDown(): Promise<void> {
  lease.announceSocket(undefined);
  await socket?.close();
}

lease.onChange((held) => {
  process.stdout.write(held ? 'held\n' : 'lost\n');
  changing = changing.then(() => (held ? hold() : stepDown()));
});
lease.start();
process.stdout.write('trying\n');
createInterface({ input: process.stdin })
  .on('line', () => {
    process.stdout.write(`asked ${String(lease.isHeld())}\n`);
  })
  .on('close', () => {
    void lease
      .stop()
      .then(() => changing)
      .then(() => connection.close());
  });
