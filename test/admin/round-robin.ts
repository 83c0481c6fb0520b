import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Proxy {
  readonly url: string;
  /** How many requests each server got. */
  readonly counts: readonly number[];
  close(): Promise<void>;
}

/** Passes each request to the next of the servers, as a load balancer does. */
export async function startRoundRobin(ports: readonly number[]): Promise<Proxy> {
  const counts = ports.map(() => 0);
  let next = 0;
  const server = createServer((incoming, response) => {
    const index = next++ % ports.length;
    counts[index] = (counts[index] ?? 0) + 1;
    const { method, url, headers } = incoming;
    const outgoing = request(
      { host: '127.0.0.1', port: ports[index], method, path: url, headers, agent: false },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        response.flushHeaders();
        answer.on('error', () => response.destroy()).pipe(response);
      },
    );
    outgoing.on('error', () => response.destroy());
    response.on('close', () => outgoing.destroy());
    incoming.pipe(outgoing);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    counts,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
