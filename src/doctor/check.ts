import { getErrorMessage, SyncMediaError } from '../model/errors.js';
import type { DoctorCheck } from '../api/reports.js';

export type CheckResult = Omit<DoctorCheck, 'name'>;

export const reportOk = (message: string): CheckResult => ({ state: 'ok', message });
/** A finding worth knowing that breaks nothing. */
export const reportInfo = (message: string, remedy?: string): CheckResult => ({
  state: 'info',
  message,
  ...(remedy !== undefined && { remedy }),
});
export const reportFailed = (message: string, remedy: string): CheckResult => ({
  state: 'failed',
  message,
  remedy,
});

/** Runs one check. A check that throws has failed, with the message of its error and `remedy`. */
export async function runCheck(
  name: string,
  remedy: string | ((error: unknown) => string),
  run: () => CheckResult | Promise<CheckResult>,
): Promise<DoctorCheck> {
  try {
    return { name, ...(await run()) };
  } catch (error) {
    const message =
      error instanceof SyncMediaError ? `${error.code}: ${error.message}` : getErrorMessage(error);
    return { name, ...reportFailed(message, typeof remedy === 'string' ? remedy : remedy(error)) };
  }
}
