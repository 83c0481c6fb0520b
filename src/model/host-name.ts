/**
 * Labels of letters, digits, `_` and `-`, a letter or digit first, with single dots between them.
 */
const hostnamePattern = /^(?=.{1,253}$)[A-Za-z0-9][A-Za-z0-9_-]*(?:\.[A-Za-z0-9][A-Za-z0-9_-]*)*$/;
const hostIdPattern = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;

/**
 * Whether a text is a valid host name. Every name is checked here, whether it comes from `init`,
 * the router, the command line or a row.
 */
export function isHostname(text: unknown): boolean {
  return typeof text === 'string' && hostnamePattern.test(text) && !isInheritedName(text);
}

/** Whether a text is a valid host id. Host ids become file names and field names. */
export function isHostId(text: unknown): boolean {
  return typeof text === 'string' && hostIdPattern.test(text) && !isInheritedName(text);
}

/** Refuses names such as `constructor`: a lookup in a record would find an inherited property. */
function isInheritedName(text: string): boolean {
  return text in Object.prototype;
}
