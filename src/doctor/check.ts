import { messageOf, SyncMediaError } from '../model/errors.js';
import type { DoctorCheck } from '../api/sync-media.js';

export type Found = Omit<DoctorCheck, 'name'>;

export const ok = (message: string): Found => ({ state: 'ok', message });
/** A finding worth knowing that breaks nothing. */
export const info = (message: string, remedy?: string): Found => ({
  state: 'info',
  message,
  ...(remedy !== undefined && { remedy }),
});
export const failed = (message: string, remedy: string): Found => ({
  state: 'failed',
  message,
  remedy,
});

/** Runs one check. A check that throws has failed, with the message of its error and `remedy`. */
export async function check(
  name: string,
  remedy: string | ((error: unknown) => string),
  run: () => Found | Promise<Found>,
): Promise<DoctorCheck> {
  try {
    return { name, ...(await run()) };
  } catch (error) {
    const message =
      error instanceof SyncMediaError ? `${error.code}: ${error.message}` : messageOf(error);
    return { name, ...failed(message, typeof remedy === 'string' ? remedy : remedy(error)) };
  }
}
