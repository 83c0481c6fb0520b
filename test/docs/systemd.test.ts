import { expect, test } from 'vitest';
import { listCodeBlocks, listUserPages } from './pages.js';
import { systemdAnalyze, verifyUnit } from './verify-unit.js';

const blocks = listUserPages().flatMap(listCodeBlocks);
const units = blocks.filter(({ language }) => language === 'ini');

test.skipIf(systemdAnalyze === undefined)(
  'systemd accepts the unit of the page on processes' +
    (systemdAnalyze === undefined ? ' (skipped: systemd-analyze is missing)' : ''),
  async () => {
    expect(units).toHaveLength(1);
    const unit = units[0]?.code ?? '';
    expect(await verifyUnit(unit)).toBe('');
    const faulty = unit.replace('Restart=always', 'Restart=sometimes');
    expect(await verifyUnit(faulty)).toContain('sometimes');
  },
);

test('every code block is in a language that a test runs or checks, or an output', () => {
  const languages = new Set(blocks.map(({ language }) => language));
  expect([...languages].sort()).toEqual(['ini', 'js', 'nginx', 'sh', 'text', 'ts']);
});
