/** This package's version; `scripts/build` checks it against package.json. */
export const version = '0.1.0';
