// A visitor in the network of the containers. Answers each line of its input with one line.
import { createHash } from 'node:crypto';
import { createInterface } from 'node:readline';
import { get, Load, uploadPicture } from '../examples/load.js';

const hash = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
let load: Load | undefined;
let running: Promise<void> | undefined;

async function answer(line: string): Promise<unknown> {
  const [command = '', ...words] = line.split(' ');
  const [url = ''] = words;
  switch (command) {
    case 'get': {
      const { status, body } = await get(url);
      return { status, sha256: hash(body) };
    }
    case 'upload': {
      const content = Buffer.from(words.slice(1).join(' '));
      const { status, body } = await uploadPicture(url, content);
      return { status, sha256: hash(content), ...(JSON.parse(body.toString()) as object) };
    }
    case 'load':
      load = new Load({ uploads: 500, reads: 2_000, uploadTo: [url], readFrom: [url] });
      running = load.run();
      return 'begun';
    case 'done':
      return load?.done;
    case 'enter':
      load?.enter(words.join(' '));
      return 'entered';
    case 'result':
      await running;
      return {
        counts: load?.counts,
        acknowledged: [...(load?.acknowledged ?? [])].map(([path, content]) => [
          path,
          hash(content),
        ]),
      };
    default:
      throw new Error(`unknown command ${command}`);
  }
}

createInterface({ input: process.stdin })
  .on('line', (line) => {
    answer(line)
      .catch((error: unknown) => ({ error: String(error) }))
      .then((said) => process.stdout.write(`${JSON.stringify(said)}\n`))
      .catch(() => process.exit(1));
  })
  .on('close', () => process.exit(0));
