import { fileTexts } from './texts/files.js';
import { frameTexts } from './texts/frame.js';
import { hostTexts } from './texts/hosts.js';
import { overviewTexts } from './texts/overview.js';
import { runTexts } from './texts/runs.js';
import { stateTexts } from './texts/states.js';

/**
 * Every sentence of the page. Words are those of the glossary. A sentence names host and path,
 * says what goes on by itself before it says what to do, and no code stands alone.
 */
export const texts = {
  ...frameTexts,
  ...stateTexts,
  ...overviewTexts,
  ...runTexts,
  ...hostTexts,
  ...fileTexts,
};
