import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

export const rootDir = fileURLToPath(new URL('../../', import.meta.url));

/** A Markdown page of the documentation. `file` is relative to the checkout. */
export interface Page {
  readonly file: string;
  readonly text: string;
}

export interface CodeBlock {
  readonly page: string;
  readonly language: string;
  readonly code: string;
}

/** A link to a file of this checkout. `file` is relative to the checkout. */
export interface InternalLink {
  readonly from: string;
  readonly file: string;
  readonly anchor: string | undefined;
}

export const readPage = (file: string): Page => ({
  file,
  text: readFileSync(join(rootDir, file), 'utf8'),
});

/** All pages below docs/, without what VitePress makes. */
export function listDocsPages(): Page[] {
  return readdirSync(join(rootDir, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md') && !/(^|\/)(\.vitepress|node_modules)\//.test(file))
    .map((file) => readPage(join('docs', file)))
    .sort((one, other) => one.file.localeCompare(other.file));
}

/** The pages of examples/. */
export function listExamplePages(): Page[] {
  return readdirSync(join(rootDir, 'examples'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('README.md') && !file.includes('node_modules/'))
    .map((file) => readPage(join('examples', file)));
}

/** README and docs/: pages whose samples and commands users copy. */
export function listUserPages(): Page[] {
  return [readPage('README.md'), ...listDocsPages()];
}

export function listCodeBlocks({ file, text }: Page): CodeBlock[] {
  return [...text.matchAll(/^( *)```(\w*)\n([\s\S]*?)^ *```$/gm)].map(
    ([, indent = '', language = '', code = '']) => ({
      page: file,
      language,
      code: code.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
    }),
  );
}

/** The text without code blocks. */
export function stripCodeBlocks(text: string): string {
  return text.replaceAll(/^ *```[\s\S]*?^ *```$/gm, '');
}

/** The text in single backticks. */
export function listInlineCode(text: string): string[] {
  return [...stripCodeBlocks(text).matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code);
}

/** The anchors of a page: its headings as GitHub and VitePress write them, and its ids. */
export function listAnchors(text: string): string[] {
  const prose = stripCodeBlocks(text);
  const headings = [...prose.matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = '']) =>
    heading
      .replaceAll(/`|\*/g, '')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .trim()
      .replaceAll(' ', '-'),
  );
  return [...headings, ...[...prose.matchAll(/id="([^"]+)"/g)].map(([, id = '']) => id)];
}

/** Targets of all Markdown links and pictures of a page, as they are written. */
export function listTargets(text: string): string[] {
  return [
    ...stripCodeBlocks(text)
      .replaceAll(/`[^`\n]*`/g, '')
      .matchAll(/\]\(([^)\s]+)\)/g),
  ].map(([, target = '']) => target);
}

export function listInternalLinks({ file, text }: Page): InternalLink[] {
  return listTargets(text)
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => {
      const [path = '', anchor] = target.split('#');
      return {
        from: file,
        file: path === '' ? file : relative(rootDir, join(rootDir, dirname(file), path)),
        anchor,
      };
    });
}
