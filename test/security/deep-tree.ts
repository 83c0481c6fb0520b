import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Goes down step by step, as no path is that long. */
const make = `
import os, sys
folder, depth, width = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
os.chdir(folder)
for level in range(depth):
    os.mkdir('d' * width)
    os.chdir('d' * width)
    with open('file.jpg', 'w') as file: file.write('level %d' % level)
`;

/**
 * Makes a tree of nested directories below `folder`, with a file in each: what renames by SFTP can
 * put together.
 */
export async function makeDeepTree(
  folder: string,
  { depth, width }: { depth: number; width: number },
): Promise<void> {
  await run('python3', ['-c', make, folder, String(depth), String(width)]);
}

/** Node removes no such tree. */
export async function removeDeepTree(folder: string): Promise<void> {
  await run('rm', ['-rf', '--', folder]);
}
