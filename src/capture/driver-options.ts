import type { ClientSession } from 'mongoose';

export type DriverOptions = Readonly<Record<string, unknown>>;

/** The options of a driver's call, which may be left out (Mongoose 8 then passes a callback in their place). */
export function readOptions(given: unknown): DriverOptions {
  return typeof given === 'object' && given !== null ? given as DriverOptions : {};
}

/** The session that a call runs in: Mongoose has found it, wherever it was given. */
export function readSession({ session }: DriverOptions): ClientSession | undefined {
  return (session as ClientSession | null | undefined) ?? undefined;
}
