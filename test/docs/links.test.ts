import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  listAnchors,
  listDocsPages,
  listExamplePages,
  listInternalLinks,
  listTargets,
  listUserPages,
  readPage,
  rootDir,
  stripCodeBlocks,
} from './pages.js';

const pages = [
  ...listUserPages(),
  ...['ARCHITECTURE.md', 'CONTRIBUTING.md', 'SECURITY.md'].map(readPage),
  ...listExamplePages(),
];

test('every internal link leads to a file that exists, and every anchor to a heading', () => {
  const links = pages.flatMap(listInternalLinks);
  expect(links.length).toBeGreaterThan(100);
  const dead = links.filter(({ file, anchor }) => {
    if (!existsSync(join(rootDir, file))) return true;
    if (anchor === undefined) return false;
    return !file.endsWith('.md') || !listAnchors(readPage(file).text).includes(anchor);
  });
  expect(dead).toEqual([]);
});

test('links within docs/ stay there, so that the site has no dead link', () => {
  const leaving = listDocsPages()
    .flatMap(listInternalLinks)
    .filter(({ file }) => !file.startsWith('docs/'));
  expect(leaving).toEqual([]);
});

test('every page can be reached from docs/index.md', () => {
  const reached = new Set(['docs/index.md']);
  for (const file of reached)
    for (const link of listInternalLinks(readPage(file)))
      if (link.file.startsWith('docs/') && link.file.endsWith('.md')) reached.add(link.file);
  expect(
    listDocsPages()
      .map(({ file }) => file)
      .filter((file) => !reached.has(file)),
  ).toEqual([]);
});

test('no page loads anything from another origin', () => {
  const loads = pages.flatMap(({ file, text }) =>
    [
      ...stripCodeBlocks(text)
        .replaceAll(/`[^`\n]*`/g, '')
        .matchAll(/!\[[^\]]*\]\((\w+:[^)]+)\)|<(?:img|script|iframe|link)\b/g),
    ].map(([match]) => `${file}: ${match}`),
  );
  expect(loads).toEqual([]);
});

test('docs/index.md links to nothing twice', () => {
  const targets = listTargets(readPage('docs/index.md').text);
  expect(targets.filter((target, index) => targets.indexOf(target) !== index)).toEqual([]);
});

test('the site has every page in its sidebar, but the design pages, which their index lists', () => {
  const { text } = readPage('docs/.vitepress/config.mts');
  const missing = listDocsPages()
    .map(({ file }) => file.replace(/^docs\/|\.md$/g, ''))
    .filter((name) => !/^(design|commands)\/(?!index$)/.test(name))
    .filter((name) => !text.includes(`link: '/${name.replace(/index$/, '')}'`));
  expect(missing).toEqual([]);
  const commands = listDocsPages().filter(({ file }) => /^docs\/commands\/(?!index)/.test(file));
  expect(commands.filter(({ file }) => !text.includes(`'${basename(file, '.md')}'`))).toEqual([]);
});

test('ARCHITECTURE.md lists the folders of src/, and no other', () => {
  const { text } = readPage('ARCHITECTURE.md');
  const list = text.split('\n## Folders\n')[1]?.split('```')[1] ?? '';
  const listed = [...list.matchAll(/^(?:src\/| {4})([\w-]+)\//gm)].map(([, name]) => name);
  const folders = readdirSync(join(rootDir, 'src'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
  expect(listed.sort()).toEqual(folders.sort());
});

describe('sizes', () => {
  const sizeOf = (file: string): number => statSync(join(rootDir, file)).size;

  test('the README has at most 7 KB', () => {
    expect(sizeOf('README.md')).toBeLessThanOrEqual(7 * 1024);
  });

  test('ARCHITECTURE.md has at most 9 KB and 30 terms', () => {
    expect(sizeOf('ARCHITECTURE.md')).toBeLessThanOrEqual(9 * 1024);
    const { text } = readPage('ARCHITECTURE.md');
    const glossary = text.split('\n## Words\n')[1]?.split('\n## ')[0] ?? '';
    const terms = [...glossary.matchAll(/^\| (?!word )/gm)];
    expect(terms.length).toBeGreaterThan(20);
    expect(terms.length).toBeLessThanOrEqual(30);
  });

  test('no page but the reference has more than 12 KB', () => {
    const large = listDocsPages()
      .map(({ file }) => file)
      .filter((file) => file !== 'docs/reference.md' && sizeOf(file) > 12 * 1024);
    expect(large).toEqual([]);
  });
});
