// A relay on loopback that holds every byte back for some milliseconds in either direction:
// `relay.ts PORT MILLISECONDS`. It says its own port by message, and ends when its parent lets go
// of it.
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

const [port = 0, delay = 0] = process.argv.slice(2).map(Number);
const server = createServer({ noDelay: true }, (near) => {
  const far = connect({ port, host: '127.0.0.1', noDelay: true });
  hold(near, far);
  hold(far, near);
});
server.listen(0, '127.0.0.1', () => {
  process.send?.((server.address() as AddressInfo).port);
});
process.on('disconnect', () => {
  process.exit(0);
});

function hold(from: Socket, to: Socket): void {
  from.on('data', (bytes) => {
    setTimeout(() => {
      if (!to.destroyed) to.write(bytes);
    }, delay);
  });
  from.on('close', () => {
    setTimeout(() => {
      to.destroy();
    }, delay);
  });
  from.on('error', () => {
    /* The other one is ended by `close`. */
  });
}
