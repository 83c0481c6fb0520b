// A process of its own that tries for a lease, and prints what it has. Each line of its input asks
// it whether it has the lease; their end lets it give the lease back. Arguments: database URI, host
// id, leaseMs, beatMs, and the folder of the socket it has as the holder.
import { createInterface } from 'node:readline';
import mongoose from 'mongoose';
import { socketPath, WakeServer } from '../../src/leader/wake-socket.js';
import { hostRows } from '../../src/hosts/host-model.js';
import { Lease } from '../../src/leader/lease.js';
import { stderrLog } from '../../src/model/log.js';

const [uri = '', host = '', leaseMs, beatMs, stateDir = ''] = process.argv.slice(2);
const connection = await mongoose.createConnection(uri).asPromise();
const lease = new Lease({
  rows: () => hostRows(connection, 'p_'),
  host,
  leaseMs: Number(leaseMs),
  beatMs: Number(beatMs),
  log: stderrLog,
  socketPath: socketPath(stateDir),
});
let socket: WakeServer | undefined,
  changing = Promise.resolve();

async function hold(): Promise<void> {
  if (!(await lease.confirm())) return;
  socket = new WakeServer(stateDir, () => true);
  lease.announce(await socket.start());
}

async function letGo(): Promise<void> {
  lease.announce(undefined);
  await socket?.close();
}

lease.onChange((held) => {
  process.stdout.write(held ? 'held\n' : 'lost\n');
  changing = changing.then(() => (held ? hold() : letGo()));
});
lease.start();
process.stdout.write('trying\n');
createInterface({ input: process.stdin })
  .on('line', () => {
    process.stdout.write(`asked ${String(lease.held())}\n`);
  })
  .on('close', () => {
    void lease
      .stop()
      .then(() => changing)
      .then(() => connection.close());
  });
