/**
 * A stand-in for a part of which the code under test uses only these members. The compiler checks
 * them; code that uses another one fails, and the error names it.
 */
export function makePartial<T extends object>(members: Partial<T>): T {
  return new Proxy(members, {
    get: (target, name, receiver): unknown => {
      if (name in target) return Reflect.get(target, name, receiver);
      // What a test's report or a promise asks every object for.
      if (typeof name === 'symbol' || name === 'then' || name === 'toJSON') return undefined;
      throw new Error(`the test uses a part without its member "${name}"`);
    },
  }) as T;
}
