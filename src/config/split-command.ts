/**
 * Splits a command line into arguments as a shell splits words: at white space, with `'…'`, `"…"`
 * and backslashes. Variables, globs and operators have no effect. Throws an Error that says what
 * is malformed.
 */
export function splitCommand(line: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote: '"' | "'" | undefined;
  for (let at = 0; at < line.length; at++) {
    const char = line.charAt(at);
    if (char === '\\' && quote !== "'") {
      const next = line.charAt(++at);
      if (next === '') throw new Error('it ends in a backslash');
      // Within double quotes a backslash only escapes characters that have a meaning there.
      word = (word ?? '') + (quote === '"' && next !== '"' && next !== '\\' ? `\\${next}` : next);
    } else if (quote !== undefined) {
      if (char === quote) quote = undefined;
      else word = (word ?? '') + char;
    } else if (char === '"' || char === "'") {
      quote = char;
      word ??= '';
    } else if (/\s/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else {
      word = (word ?? '') + char;
    }
  }
  if (quote !== undefined) throw new Error(`a ${quote} is not closed`);
  if (word !== undefined) words.push(word);
  if (words.length === 0 || words[0] === '') throw new Error('it names no program');
  return words;
}
