// Generates src/admin/page-assets.ts from src/page/: the operator's page as one script and one
// style sheet. Their text is part of the code because apps are bundled, and then no file of ours
// lies beside them; and an app that mounts the page builds nothing. Setup, build, lint, typecheck
// and the tests run this first, so the generated file is not committed.
import { createHash } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const file = (/** @type {string} */ path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const folder = 'src/page';
const target = file('src/admin/page-assets.ts');

/** @typedef {{ name: string, type: string, text: string }} Asset */

/**
 * Bundles the page. Names carry a hash of the text, so that browsers may keep them for ever;
 * index.html refers to them below `assets/`.
 *
 * @returns {Promise<Asset[]>}
 */
export async function makePageAssets() {
  // Loaded here, since the setup runs before there is any node_modules.
  const { build, stop } = await import('esbuild');
  const { outputFiles } = await build({
    absWorkingDir: file('.'),
    entryPoints: [`${folder}/main.tsx`, `${folder}/page.css`],
    tsconfig: `${folder}/tsconfig.json`,
    outdir: 'assets',
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    charset: 'utf8',
    legalComments: 'none',
    loader: { '.css': 'css' },
  });
  await stop(); // It leaves a process otherwise.
  const textOf = (/** @type {string} */ ending) =>
    outputFiles.find(({ path }) => path.endsWith(ending))?.text ?? '';
  const script = hashName('page', 'js', 'text/javascript; charset=utf-8', textOf('.js'));
  const style = hashName('page', 'css', 'text/css; charset=utf-8', textOf('.css'));
  const icon = hashName('icon', 'svg', 'image/svg+xml', read('icon.svg'));
  const shell = read('index.html')
    .replace('"page.js"', `"assets/${script.name}"`)
    .replace('"page.css"', `"assets/${style.name}"`)
    .replace('"icon.svg"', `"assets/${icon.name}"`);
  return [
    { name: 'index.html', type: 'text/html; charset=utf-8', text: shell },
    script,
    style,
    icon,
  ];
}

/** Writes src/admin/page-assets.ts if it is missing or not up to date. */
export async function embedPage() {
  const text = makeAssetsModule(await makePageAssets());
  if (readIfPresent(target) === text) return;
  // Another process may read the module at the same time, so it is replaced as a whole.
  const temporary = `${target}.${String(process.pid)}.tmp`;
  writeFileSync(temporary, text);
  renameSync(temporary, target);
}

/**
 * @param {Asset[]} assets
 * @returns {string} a TypeScript module that exports them as `assets`
 */
function makeAssetsModule(assets) {
  return (
    `/** Generated from ${folder}/ by scripts/embed-page.mjs: change it there. */\n` +
    'export const assets: readonly { name: string; type: string; text: string }[] = ' +
    `${JSON.stringify(assets, null, 2)};\n`
  );
}

/**
 * @param {string} name
 * @param {string} ending
 * @param {string} type
 * @param {string} text
 * @returns {Asset}
 */
function hashName(name, ending, type, text) {
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 12);
  return { name: `${name}.${hash}.${ending}`, type, text };
}

/** @param {string} name @returns {string} */
function read(name) {
  return readFileSync(file(`${folder}/${name}`), 'utf8');
}

/** @param {string} path @returns {string | undefined} */
function readIfPresent(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await embedPage();
