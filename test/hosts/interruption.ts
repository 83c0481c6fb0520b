import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { Transform } from 'node:stream';

export interface Interruption {
  /** Leads to the same database, through a wire that can be cut. */
  uri: string;
  /** Answers stop, connections stay: what a network does that loses packets. */
  hang(): void;
  /** Connections break, and new ones are refused at once. */
  cut(): void;
  mend(): void;
  /** From now on every piece of an answer is so long under way, in milliseconds. */
  slow(ms: number): void;
  close(): Promise<void>;
}

/**
 * A wire to a database that can be cut; undefined where the URI names several hosts. Its owner
 * calls `close`.
 */
export async function interruptible(uri: string): Promise<Interruption | undefined> {
  if (!/^mongodb:\/\/[^,/]+\//.test(uri)) return undefined;
  const target = new URL(uri.replace(/^mongodb:/, 'http:'));
  const { hostname, port: realPort } = target;
  const pairs = new Set<[Socket, Socket]>();
  let delayMs = 0;
  let state: 'whole' | 'hanging' | 'cut' = 'whole';
  const end = (pair: [Socket, Socket]): void => {
    pairs.delete(pair);
    for (const socket of pair) socket.destroy();
  };
  const server = createServer((near) => {
    const far = connect(Number(realPort || 27_017), hostname);
    const pair: [Socket, Socket] = [near, far];
    for (const socket of pair)
      socket
        .on('error', () => {
          end(pair);
        })
        .on('close', () => {
          end(pair);
        });
    if (state === 'cut') {
      end(pair);
      return;
    }
    pairs.add(pair);
    near.pipe(far);
    far.pipe(delay(() => delayMs)).pipe(near);
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
    slow: (ms) => {
      delayMs = ms;
    },
    close: async () => {
      for (const pair of pairs) end(pair);
      await new Promise((done) => server.close(done));
    },
  };
}

/** Every piece comes later; none waits for the one before. */
function delay(ms: () => number): Transform {
  return new Transform({
    transform(bytes: Buffer, _encoding, done) {
      setTimeout(() => {
        this.push(bytes);
      }, ms());
      done();
    },
  });
}
