/** Labels of letters, digits, `_` and `-`, a letter or digit first, with single dots between them. */
const name = /^(?=.{1,253}$)[A-Za-z0-9][A-Za-z0-9_-]*(?:\.[A-Za-z0-9][A-Za-z0-9_-]*)*$/;
const id = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;

/** Whether a host may be called that. Every name passes here, whoever gives it: `init`, the router, the command line or a row. */
export function isHostname(text: unknown): boolean {
  return typeof text === 'string' && name.test(text) && !isInherited(text);
}

/** Whether it is an id as `init` makes them: they become names of files and of fields. */
export function isHostId(text: unknown): boolean {
  return typeof text === 'string' && id.test(text) && !isInherited(text);
}

/** A name that every object has, as `constructor`: who looks it up in a record finds what nobody stored there. */
function isInherited(text: string): boolean {
  return text in Object.prototype;
}
