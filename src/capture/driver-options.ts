import type { ClientSession } from 'mongoose';

export type DriverOptions = Readonly<Record<string, unknown>>;

/**
 * The options of a driver call. They may be missing; Mongoose 8 then passes a callback in their
 * place.
 */
export function readDriverOptions(given: unknown): DriverOptions {
  return typeof given === 'object' && given !== null ? (given as DriverOptions) : {};
}

/** The session of a driver call. Mongoose has already found it. */
export function readSession({ session }: DriverOptions): ClientSession | undefined {
  return (session as ClientSession | null | undefined) ?? undefined;
}
