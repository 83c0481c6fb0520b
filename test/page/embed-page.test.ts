import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { makePageAssets } from '../../scripts/embed-page.mjs';
import { assets } from '../../src/admin/page-assets.js';

const budget = 60_000;

describe('the embedded page', () => {
  test('is the one of src/page', async () => {
    expect(await makePageAssets()).toEqual(assets);
  });

  test('is at most 60 kB, each file compressed', () => {
    const bytes = assets.reduce((sum, { text }) => sum + gzipSync(text).length, 0);
    expect(bytes).toBeGreaterThan(5_000);
    expect(bytes).toBeLessThanOrEqual(budget);
  });

  test('refers to nothing but its own files, by relative addresses', () => {
    const shell = assets.find(({ name }) => name === 'index.html')?.text ?? '';
    const named = [...shell.matchAll(/(?:src|href)="([^"#][^"]*)"/g)].map(([, address]) => address);
    const others = assets.filter(({ name }) => name !== 'index.html');
    expect(named.sort()).toEqual(others.map(({ name }) => `assets/${name}`).sort());
  });

  test('needs no inline style or script, and writes no markup', () => {
    const text = assets.map((asset) => asset.text).join('\n');
    expect(text).not.toMatch(/\sstyle="|<script(?![^>]*\ssrc=)|\sonclick="/);
    expect(text).not.toMatch(/\beval\(|new Function\(|document\.write/);
  });

  test('names change with the text', () => {
    for (const { name } of assets.filter((asset) => asset.name !== 'index.html'))
      expect(name).toMatch(/^[a-z]+\.[0-9a-f]{12}\.(?:js|css|svg)$/);
  });
});
