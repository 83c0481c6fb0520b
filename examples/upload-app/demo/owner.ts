/** Ends what the demo started, last first, however the demo ends. */
export class Owner {
  private readonly owned: { what: string; end: () => Promise<void> }[] = [];
  private closing: Promise<string[]> | undefined;

  own(what: string, end: () => Promise<void>): void {
    this.owned.push({ what, end });
  }

  /**
   * Each is given its time and none can keep the others from ending. Resolves to what went wrong.
   */
  close(): Promise<string[]> {
    this.closing ??= this.endAll();
    return this.closing;
  }

  private async endAll(): Promise<string[]> {
    const problems: string[] = [];
    for (let one = this.owned.pop(); one; one = this.owned.pop()) {
      const { what, end } = one;
      await within(15_000, end()).catch((error: unknown) =>
        problems.push(`${what}: ${String(error)}`),
      );
    }
    return problems;
  }
}

async function within(ms: number, ending: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`did not end within ${String(ms / 1000)} s`));
    }, ms);
  });
  try {
    await Promise.race([ending, late]);
  } finally {
    clearTimeout(timer);
  }
}
