// docs/bundlers.md: ssh2 does without its optional parts where they are not found.
import commonjs from '@rollup/plugin-commonjs';
import json from '@rollup/plugin-json';
import resolve from '@rollup/plugin-node-resolve';

export default {
  input: 'site.cjs',
  external: (id) => id.endsWith('.node') || id === 'cpu-features',
  output: { file: 'rolled/site.cjs', format: 'cjs', inlineDynamicImports: true },
  plugins: [resolve({ preferBuiltins: true, exportConditions: ['node'] }), commonjs(), json()],
};
