// Generates the tables of docs/reference.md and docs/metrics.md from the definitions of options,
// errors and metrics: `npm run docs:tables`. A test fails when a page and the definitions differ.
import { readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import * as v from 'valibot';

/**
 * @typedef {Pick<
 *   import('../src/config/option-definition.js').OptionDefinition,
 *   'schema' | 'description' | 'expected' | 'default'
 * >} Definition
 * @typedef {Readonly<Record<string, Definition>>} Definitions
 */

export const referencePage = new URL('../docs/reference.md', import.meta.url);
export const metricsPage = new URL('../docs/metrics.md', import.meta.url);

/**
 * The default of an option as text, without punctuation. Undefined if the option is required.
 *
 * @param {Definition} definition
 * @returns {string | undefined}
 */
export function describeDefault({ schema, default: text }) {
  if (text !== undefined) return text;
  if (schema.type !== 'optional') return undefined;
  const value = /** @type {unknown} */ (v.getDefault(schema));
  if (Array.isArray(value) && value.length === 0) return 'none';
  if (typeof value === 'number') return value.toLocaleString('en-US');
  if (typeof value === 'string') return `\`${value}\``;
  return String(value);
}

/** @param {string} text @returns {string} text that ends no cell of a table */
function escapeCell(text) {
  return text.replaceAll('|', '\\|');
}

/** @param {Definitions} definitions @param {string} heading @returns {string} */
function renderOptions(definitions, heading) {
  const rows = Object.entries(definitions).map(([name, definition]) => {
    const { description, expected } = definition;
    const byDefault = describeDefault(definition) ?? 'required';
    return `| \`${name}\` | ${escapeCell(description)} | ${escapeCell(expected)} | ${byDefault} |`;
  });
  return [`| ${heading} | meaning | value | default |`, '|---|---|---|---|', ...rows].join('\n');
}

/**
 * @param {Readonly<Record<string, import('../src/model/error-catalogue.js').ErrorEntry>>} catalogue
 * @param {(code: string) => string} makeAnchor
 * @returns {string}
 */
function renderErrors(catalogue, makeAnchor) {
  const rows = Object.entries(catalogue).map(([code, { meaning, remedy }]) => {
    const name = `<a id="${makeAnchor(code)}"></a>\`${code}\``;
    return `| ${name} | ${escapeCell(meaning)} | ${escapeCell(remedy)} |`;
  });
  return ['| code | meaning | what to do |', '|---|---|---|', ...rows].join('\n');
}

/** @param {readonly import('../src/metrics/metric-definition.js').MetricDefinition[]} metrics */
function renderMetrics(metrics) {
  const rows = metrics.map(({ name, type, labels, help }) => {
    const labelled =
      labels.length > 0 ? `, by ${labels.map((one) => `\`${one}\``).join(', ')}` : '';
    return `| \`${name}\` | ${type}${labelled} | ${escapeCell(help)} |`;
  });
  return ['| metric | type | meaning |', '|---|---|---|', ...rows].join('\n');
}

/** @returns {Promise<Record<string, string>>} each table of the reference, by its name */
async function renderTables() {
  const [plugin, instance, history, serve, ready, wait, admin, environment, errors] =
    await Promise.all([
      import('../src/config/plugin-options.js'),
      import('../src/config/instance-options.js'),
      import('../src/config/history-options.js'),
      import('../src/serving/serve-options.js'),
      import('../src/config/ready-limits.js'),
      import('../src/config/wait-options.js'),
      import('../src/admin/admin-options.js'),
      import('../src/config/environment-variables.js'),
      import('../src/model/error-catalogue.js'),
    ]);
  return {
    'plugin options': renderOptions(plugin.pluginOptions, 'option'),
    'instance options': renderOptions(instance.instanceOptions, 'option'),
    'history options': renderOptions(history.historyOptions, 'option'),
    'serve options': renderOptions(serve.serveOptions, 'option'),
    'ready limits': renderOptions(ready.readyLimits, 'option'),
    'wait options': renderOptions(wait.waitOptions, 'option'),
    'router options': renderOptions(admin.adminOptions, 'option'),
    environment: renderOptions(environment.environmentVariables, 'variable'),
    errors: renderErrors(errors.errorCatalogue, errors.makeErrorAnchor),
    'router errors': renderErrors(errors.refusalCatalogue, errors.makeErrorAnchor),
  };
}

/**
 * Puts tables between the markers of a page.
 *
 * @param {string} page
 * @param {Readonly<Record<string, string>>} tables
 * @returns {string}
 */
function fillPage(page, tables) {
  let filled = page;
  for (const [name, table] of Object.entries(tables)) {
    const [start, end] = [`<!-- begin ${name} -->`, `<!-- end ${name} -->`];
    const from = filled.indexOf(start);
    const to = filled.indexOf(end);
    if (from < 0 || to < from) throw new Error(`the page lacks the markers of ${name}`);
    filled = `${filled.slice(0, from)}${start}\n\n${table}\n\n${filled.slice(to)}`;
  }
  return filled;
}

/** @param {string} page @returns {Promise<string>} with the current tables */
export async function fillReference(page) {
  return fillPage(page, await renderTables());
}

/** @param {string} page @returns {Promise<string>} with the current table */
export async function fillMetrics(page) {
  const { metricDefinitions } = await import('../src/metrics/metrics-list.js');
  return fillPage(page, { metrics: renderMetrics(metricDefinitions) });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href)
  for (const [file, fill] of /** @type {const} */ ([
    [referencePage, fillReference],
    [metricsPage, fillMetrics],
  ]))
    writeFileSync(file, await fill(readFileSync(file, 'utf8')));
