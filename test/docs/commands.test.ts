import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import { findProgram } from '../../scripts/programs.mjs';
import { errorCatalogue, refusalCatalogue } from '../../src/model/error-catalogue.js';
import { readEnvFile } from '../../src/cli/read-env-file.js';
import { listVariables, readEnvironment } from '../../src/config/environment.js';
import { makeTestDir } from '../harness/tmp.js';
import { findCommandFault, isCommandLine, listCommandLines } from './command-lines.js';
import { listOutputs } from './outputs.js';
import { executedElsewhere, sampleLines, unexecuted } from './sample-lines.js';
import { listCodeBlocks, listInlineCode, listUserPages, readPage, rootDir } from './pages.js';

const pages = listUserPages();
const blocks = pages.flatMap(listCodeBlocks);
const shellLines = blocks
  .filter(({ language }) => language === 'sh')
  .flatMap((block) => listCommandLines(block));
const packageJson = JSON.parse(readFileSync(join(rootDir, 'package.json'), 'utf8')) as {
  name: string;
  scripts: Record<string, string>;
};

test('the check finds commands, options and arguments that do not exist', () => {
  expect(findCommandFault('syncmedia status --json')).toBeUndefined();
  expect(findCommandFault('syncmedia hosts edit web2 --status paused')).toBeUndefined();
  expect(findCommandFault('npx syncmedia hosts --csv')).toBeUndefined();
  expect(findCommandFault('syncmedia no-such')).toContain('no-such');
  expect(findCommandFault('syncmedia push --no-such')).toContain('--no-such');
  expect(findCommandFault('syncmedia status web2')).toContain('web2');
  expect(findCommandFault('syncmedia hosts edit')).toContain('<host>');
});

test('every syncmedia command of a code block exists, with its options and arguments', () => {
  const lines = shellLines.filter(({ line }) => /\bsyncmedia [a-z-]/.test(line));
  expect(lines.length).toBeGreaterThan(40);
  const faults = lines.flatMap(({ page, line }) => {
    const fault = findCommandFault(line);
    return fault === undefined ? [] : [`${page}: ${line}: ${fault}`];
  });
  expect(faults).toEqual([]);
});

test('every syncmedia command that a sentence names exists, with its options', () => {
  const named = pages.flatMap(({ file, text }) =>
    listInlineCode(text)
      .filter(isCommandLine)
      .map((line) => ({ file, line })),
  );
  expect(named.length).toBeGreaterThan(40);
  const faults = named.flatMap(({ file, line }) => {
    const fault = findCommandFault(line, { complete: false });
    return fault === undefined ? [] : [`${file}: ${line}: ${fault}`];
  });
  expect(faults).toEqual([]);
});

test('every other command of a code block is checked here or exists on every machine', () => {
  const everywhere =
    /^(chmod|cp|curl|grep|mkdir|rm|rsync|printf|node --env-file=|npx (jest|vitest)\b|npx tsx )/;
  const exampleScript = /^node ((?:from|to)-gridfs|list-hosts)\.mjs /;
  const unknown = shellLines.flatMap(({ page, line }) => {
    const [, npmScript] = /^npm (?:run )?([\w:]+)/.exec(line) ?? [];
    if ([packageJson.name, 'prom-client'].some((name) => line === `npm install ${name}`)) return [];
    if (npmScript !== undefined && Object.hasOwn(packageJson.scripts, npmScript)) return [];
    const isKnown = [everywhere, exampleScript, /\bsyncmedia [a-z-]/].some((one) => one.test(line));
    return isKnown ? [] : [`${page}: ${line}`];
  });
  expect(unknown).toEqual([]);
});

test('every line that is not executed is on some page, and is valid shell', async () => {
  for (const line of [...Object.keys(unexecuted), ...Object.keys(executedElsewhere)]) {
    expect(sampleLines).toContain(line);
    await promisify(execFile)('bash', ['-n', '-c', line]);
  }
});

test('a test that is said to execute a line of a page names that page', () => {
  for (const [line, file] of Object.entries(executedElsewhere)) {
    const pagesOfLine = pages.filter(({ text }) =>
      listCodeBlocks({ file, text }).some((block) =>
        listCommandLines(block, { assignments: true }).some((one) => one.line === line),
      ),
    );
    const test = readFileSync(join(rootDir, file), 'utf8');
    expect(pagesOfLine.filter((page) => test.includes(`'${page.file}'`))).not.toEqual([]);
  }
});

test('every output on the pages of the commands says which command printed it', () => {
  const commandPages = pages.filter(({ file }) => file.startsWith('docs/commands/'));
  const outputs = listOutputs().filter(({ page }) => page.startsWith('docs/commands/'));
  expect(outputs.length).toBeGreaterThan(15);
  expect(outputs.filter(({ line }) => !sampleLines.includes(line))).toEqual([]);
  // The one that has no comment is an error message within a sentence.
  const blocksOfText = commandPages
    .flatMap(listCodeBlocks)
    .filter(({ language }) => language === 'text');
  expect(blocksOfText).toHaveLength(outputs.length + 1);
});

test('every environment variable that a page names is read', () => {
  const known: readonly string[] = listVariables();
  const unknown = pages.flatMap(({ file, text }) =>
    [...text.matchAll(/\b(?:SYNCMEDIA_[A-Z_]+|PATH_RSA)\b(?!\*)/g)]
      .map(([name]) => name)
      .filter((name) => !known.includes(name) && name !== 'SYNCMEDIA_')
      .map((name) => `${file}: ${name}`),
  );
  expect(unknown).toEqual([]);
});

test('every code in backticks that looks like an error code is one', () => {
  const known = [...Object.keys({ ...errorCatalogue, ...refusalCatalogue }), ...listVariables()];
  const others = [
    'NODE_PATH',
    'NODE_OPTIONS',
    'KEPT_AS',
    'SSH_ORIGINAL_COMMAND',
    'MONGODB_URI',
    'NO_COLOR',
    // Settings of django-syncmedia.
    'PROJECT_PATH',
    'SYNCHRO_DIRS',
    'MODELS_SYNC',
    'COMM_RELOAD',
  ];
  const unknown = pages.flatMap(({ file, text }) =>
    listInlineCode(text)
      .filter((code) => /^[A-Z]+(_[A-Z]+)+$/.test(code))
      .filter((code) => !known.includes(code) && !others.includes(code))
      .map((code) => `${file}: ${code}`),
  );
  expect(unknown).toEqual([]);
});

describe('the env file of Five minutes', async () => {
  const dir = await makeTestDir();
  afterAll(() => dir.remove());
  const openssl = await findProgram('openssl');

  test.skipIf(openssl === undefined).each(['README.md', 'docs/five-minutes.md'])(
    'has a secret and a token that are long enough, as %s writes it (where there is openssl)',
    async (file) => {
      const code = listCodeBlocks(readPage(file)).find(({ code: one }) => one.includes('printf'));
      await promisify(execFile)('sh', ['-ec', code?.code ?? 'exit 1'], { cwd: dir.path });
      const variables = readEnvFile(join(dir.path, 'syncmedia.env'), {});
      const { environment, unknown } = readEnvironment(variables, dir.path);
      expect(unknown).toEqual([]);
      expect(Object.keys(environment).sort()).toEqual([
        'SYNCMEDIA_ADMIN_TOKEN',
        'SYNCMEDIA_MONGODB_URI',
        'SYNCMEDIA_SECRET',
      ]);
    },
  );
});
