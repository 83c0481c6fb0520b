let isRequested = false;

/** The view of files that opens next puts the cursor into its field. */
export function requestSearch(): void {
  isRequested = true;
}

/** Whether that was requested; once. */
export function takeSearchRequest(): boolean {
  const was = isRequested;
  isRequested = false;
  return was;
}
