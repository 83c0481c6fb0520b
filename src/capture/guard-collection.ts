import type { mongo } from 'mongoose';
import type { PluggedModel } from './capturing.js';

/**
 * A call of one of the driver's write methods. Mongoose has already cast the values, run hooks
 * and validators, and opened the connection.
 */
export interface DriverCall {
  readonly method: string;
  readonly args: readonly unknown[];
  /** The collection that the call writes to. */
  readonly collection: mongo.Collection;
}

/** Runs the call with `write`, and does something before and after it. */
export type Interceptor = (
  this: void,
  call: DriverCall,
  write: () => Promise<unknown>,
) => Promise<unknown>;

/**
 * The members of Mongoose's collections that the guard uses. Those of a custom driver may be
 * missing.
 */
interface BufferedCollection {
  _getCollection?(): mongo.Collection | null;
  addQueue?(what: unknown, args?: unknown): unknown;
  removeQueue?(what: unknown, args?: unknown): boolean;
}

type DriverMethod = (...args: unknown[]) => unknown;
type DriverMethods = Record<string, DriverMethod>;

/**
 * The collection and the layers that make up a guard. The symbol is global, because an
 * application may load two copies of this package.
 */
interface GuardOrigin {
  readonly base: object;
  readonly layers: readonly GuardLayer[];
}
interface GuardLayer {
  readonly methods: readonly string[];
  readonly intercept: Interceptor;
}
const guardOrigin = Symbol.for('syncmedia: what this guard was made of');

function readGuardOrigin(collection: object): GuardOrigin {
  return (
    (collection as { [guardOrigin]?: GuardOrigin })[guardOrigin] ?? { base: collection, layers: [] }
  );
}

/**
 * @throws if Mongoose lacks a property that captures rely on; without an error files would be
 * missed
 */
export function requireProperty<T>(value: T | undefined, name: string, { base }: PluggedModel): T {
  if (value !== undefined) return value;
  throw new Error(
    `Mongoose ${base.version} has no ${name}, by which syncmedia captures writes: use ` +
      `a version of Mongoose that syncmedia's peerDependencies allow, or a newer syncmedia`,
  );
}

/** Whether calls on this collection already go through `intercept`. */
export function isGuardedBy(collection: object, intercept: Interceptor): boolean {
  return readGuardOrigin(collection).layers.some((layer) => layer.intercept === intercept);
}

/** The collection without guards. */
export function removeGuards(collection: object): object {
  return readGuardOrigin(collection).base;
}

/**
 * Returns the same collection, but calls of these methods go through `intercept`.
 *
 * The guard sits below Mongoose's own layer, which buffers commands, informs debuggers and
 * listeners, and refuses calls. A call that never reaches the driver is not intercepted: it waits
 * and fails as it does without the plugin. Guards of several instances can be stacked.
 */
export function guardCollection<T extends object>(
  collection: T,
  methods: readonly string[],
  intercept: Interceptor,
): T {
  const { base, layers: below } = readGuardOrigin(collection);
  const layers: GuardLayer[] = [...below, { methods, intercept }];
  const guard = Object.create(base, {
    [guardOrigin]: { value: { base, layers } satisfies GuardOrigin },
  }) as T;
  // This method remembers the driver's collection, which changes if the connection is opened
  // again.
  if ('_getCollection' in base)
    Object.defineProperty(guard, '_getCollection', {
      value: () => (base as BufferedCollection)._getCollection?.(),
    });
  for (const method of new Set(layers.flatMap((layer) => layer.methods))) {
    const intercepts = layers
      .filter((layer) => layer.methods.includes(method))
      .map((layer) => layer.intercept);
    // As in the driver's own collection, `this` at the call does not matter.
    Object.defineProperty(guard, method, {
      value: (...args: unknown[]) => makeCallable(base, method, intercepts)[method]?.(...args),
    });
  }
  return guard;
}

/** Mongoose's collection over a driver whose method is intercepted. */
function makeCallable(
  base: BufferedCollection,
  method: string,
  intercepts: readonly Interceptor[],
): DriverMethods {
  const getCollection = base._getCollection?.bind(base);
  if (!getCollection)
    return { [method]: interceptMethod(base as mongo.Collection, method, intercepts) };
  const callable = Object.create(base) as BufferedCollection & DriverMethods;
  callable._getCollection = () => {
    const driver = getCollection();
    return (
      driver &&
      ({ [method]: interceptMethod(driver, method, intercepts) } as unknown as mongo.Collection)
    );
  };
  // Mongoose 8 queues method names, and calls them on the base once the connection is open.
  const queued = new Map<unknown, DriverMethod>();
  callable.addQueue = (what, args) => {
    if (typeof what === 'function') return base.addQueue?.(what, args);
    const call: DriverMethod = (...given) => callable[method]?.(...given);
    queued.set(args, call);
    return base.addQueue?.(call, args);
  };
  callable.removeQueue = (what, args) =>
    base.removeQueue?.(queued.get(args) ?? what, args) ?? false;
  return callable;
}

function interceptMethod(
  collection: mongo.Collection,
  method: string,
  intercepts: readonly Interceptor[],
): DriverMethod {
  return (...args) => {
    const call: DriverCall = { method, args, collection };
    const write = async (): Promise<unknown> =>
      (collection as unknown as DriverMethods)[method]?.(...args);
    return intercepts.reduceRight<() => Promise<unknown>>(
      (next, intercept) => () => intercept(call, next),
      write,
    )();
  };
}
