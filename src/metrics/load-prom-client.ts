import type { MetricsRegistry } from '../api/metrics.js';
import { getErrorMessage, SyncMediaError } from '../model/errors.js';

/** The parts of prom-client that write the text. */
export interface PromClient {
  readonly Registry: new () => MetricsRegistry & {
    readonly contentType: string;
    metrics(): Promise<string>;
  };
}

/**
 * Loads prom-client, which is an optional peer. The name is in a variable, so that bundlers do not
 * look for a package that may not be installed.
 *
 * @throws NO_PROM_CLIENT
 */
export async function loadPromClient(name = 'prom-client'): Promise<PromClient> {
  try {
    const loaded = (await import(name)) as PromClient & { readonly default?: PromClient };
    return loaded.default ?? loaded;
  } catch (error) {
    throw new SyncMediaError(
      'NO_PROM_CLIENT',
      `${name} cannot be loaded: ${getErrorMessage(error).split('\n')[0] ?? ''}`,
      { cause: error },
    );
  }
}
