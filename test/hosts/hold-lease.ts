// A process of its own that tries for a lease, and prints what it has. Arguments: database URI, host id, leaseMs, beatMs.
import mongoose from 'mongoose';
import { hostRows } from '../../src/hosts/host-model.js';
import { Lease } from '../../src/hosts/lease.js';
import { stderrLog } from '../../src/log.js';

const [uri = '', host = '', leaseMs, beatMs] = process.argv.slice(2);
const connection = await mongoose.createConnection(uri).asPromise();
const lease = new Lease({ rows: () => hostRows(connection, 'p_'), host, leaseMs: Number(leaseMs), beatMs: Number(beatMs), log: stderrLog });
lease.onChange((held) => { process.stdout.write(held ? 'held\n' : 'lost\n'); });
lease.start();
process.stdout.write('trying\n');
process.stdin.on('data', () => { process.stdout.write(`asked ${String(lease.held())}\n`); });
process.stdin.on('end', () => { void lease.stop().then(() => connection.close()); });
