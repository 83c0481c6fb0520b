/** This package's version; `scripts/build.mjs` checks it against package.json. */
export const version = '0.1.0';
