// docs/bundlers.md: ssh2 does without its optional parts where they are not found.
const path = require('node:path');
const webpack = require('webpack');

webpack({
  mode: 'production',
  optimization: { minimize: false },
  target: 'node20',
  context: __dirname,
  entry: './site.cjs',
  output: { path: path.join(__dirname, 'webpacked'), filename: 'site.cjs' },
  externals: ({ request }, answer) => { if (/\.node$|^cpu-features$/.test(request)) answer(null, `commonjs ${request}`); else answer(); },
}, (error, stats) => {
  if (!error && !stats.hasErrors()) return;
  console.error(error ?? stats.toString('errors-only'));
  process.exitCode = 1;
});
