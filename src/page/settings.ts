/** What this browser remembers. Where it may not store anything, the defaults apply. */
export function readSetting(name: 'theme' | 'keys'): string | undefined {
  try {
    return localStorage.getItem(`syncmedia-${name}`) ?? undefined;
  } catch {
    return undefined;
  }
}

export function storeSetting(name: 'theme' | 'keys', value: string): void {
  try {
    localStorage.setItem(`syncmedia-${name}`, value);
  } catch {
    // The setting holds until the page is closed.
  }
}
