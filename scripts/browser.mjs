// The browser in which the tests open what is served; what they ask of it is skipped where there is
// none.
import { findProgram } from './programs.mjs';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];

/** @returns {Promise<string | undefined>} a Chromium on the PATH */
export async function findBrowser() {
  for (const name of NAMES) {
    const file = await findProgram(name);
    if (file !== undefined) return file;
  }
  return undefined;
}
