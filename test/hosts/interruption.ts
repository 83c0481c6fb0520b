import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface Interruption {
  /** Leads to the same database, through a wire that can be cut. */
  uri: string;
  /** Answers stop, connections stay: what a network does that loses packets. */
  hang(): void;
  /** Connections break, and new ones are refused at once. */
  cut(): void;
  mend(): void;
  close(): Promise<void>;
}

/** A wire to a database that can be cut; undefined where the URI names several hosts. Its owner calls `close`. */
export async function interruptible(uri: string): Promise<Interruption | undefined> {
  if (!/^mongodb:\/\/[^,/]+\//.test(uri)) return undefined;
  const target = new URL(uri.replace(/^mongodb:/, 'http:'));
  const { hostname, port: realPort } = target;
  const pairs = new Set<[Socket, Socket]>();
  let state: 'whole' | 'hanging' | 'cut' = 'whole';
  const end = (pair: [Socket, Socket]): void => {
    pairs.delete(pair);
    for (const socket of pair) socket.destroy();
  };
  const server = createServer((near) => {
    const far = connect(Number(realPort || 27_017), hostname);
    const pair: [Socket, Socket] = [near, far];
    for (const socket of pair) socket.on('error', () => { end(pair); }).on('close', () => { end(pair); });
    if (state === 'cut') {
      end(pair);
      return;
    }
    pairs.add(pair);
    near.pipe(far);
    far.pipe(near);
    if (state === 'hanging') near.unpipe(far);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  target.host = `127.0.0.1:${String(port)}`;
  target.searchParams.delete('replicaSet');
  target.searchParams.set('directConnection', 'true');
  return {
    uri: target.href.replace(/^http:/, 'mongodb:'),
    hang: () => {
      state = 'hanging';
      for (const [near, far] of pairs) near.unpipe(far).pause();
    },
    cut: () => {
      state = 'cut';
      for (const pair of pairs) end(pair);
    },
    mend: () => {
      if (state === 'hanging') for (const [near, far] of pairs) near.pipe(far);
      state = 'whole';
    },
    close: async () => {
      for (const pair of pairs) end(pair);
      await new Promise((done) => server.close(done));
    },
  };
}
