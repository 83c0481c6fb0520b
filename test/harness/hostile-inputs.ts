import { inspect } from 'node:util';
import { afterAll } from 'vitest';

declare module 'vitest' {
  interface TaskMeta {
    /**
     * Of a test file: the hostile inputs that it tried, and how many of them got what they were
     * after.
     */
    hostileInputs?: HostileCount;
  }
}

export interface HostileCount {
  readonly tried: number;
  readonly succeeded: number;
}

const mostShown = 10;

/**
 * Counts the hostile inputs of a test file. Call it once, at the top of the file. The file
 * prints how many inputs it tried and how many of them succeeded, and fails if one did. The
 * reporter adds up the numbers of all files.
 *
 * ```ts
 * const hostile = countHostileInputs();
 * hostile.tried(path, await isLeaked()); // one input, and whether it succeeded
 * hostile.triedAll(paths, await findCanary()); // many inputs, and what they leaked together
 * ```
 */
export function countHostileInputs(): HostileInputs {
  const inputs = new HostileInputs();
  // eslint-disable-next-line no-empty-pattern -- Vitest takes no other form where the fixtures are not used.
  afterAll(({}, file) => {
    file.meta.hostileInputs = inputs.count();
    console.log(`hostile inputs: ${describeCount(inputs.count())}`);
    if (inputs.succeeded.length > 0)
      throw new Error(
        `hostile inputs succeeded:\n  ${inputs.succeeded
          .slice(0, mostShown)
          .map((one) => inspect(one))
          .join('\n  ')}`,
      );
  });
  return inputs;
}

export class HostileInputs {
  readonly succeeded: unknown[] = [];
  private all = 0;

  /**
   * @param success whether it got what it was after, or what it got: anything but false, undefined
   *   and an empty list is a success
   */
  tried(input: unknown, success: unknown): void {
    this.triedAll([input], success);
  }

  /** @param success as of `tried`; which of the inputs it was is not known, so it counts as one */
  triedAll(inputs: readonly unknown[], success: unknown): void {
    this.all += inputs.length;
    if (
      success === undefined ||
      success === false ||
      (Array.isArray(success) && success.length === 0)
    )
      return;
    this.succeeded.push(
      inputs.length === 1 ? { input: inputs[0], success } : { inputs: inputs.length, success },
    );
  }

  count(): HostileCount {
    return { tried: this.all, succeeded: this.succeeded.length };
  }
}

export function describeCount({ tried, succeeded }: HostileCount): string {
  return `${String(tried)} tried, ${String(succeeded)} succeeded`;
}
