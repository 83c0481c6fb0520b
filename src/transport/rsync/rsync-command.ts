import Rsync from 'rsync';

/**
 * Builds rsync's arguments with the `rsync` package. The package would run the command in a
 * shell, and its quoting is not safe enough. Here `args()` returns them unquoted, for a spawn
 * without a shell; `execute` is not used.
 */
export class RsyncCommand extends Rsync {
  override args(): string[] {
    const options = Object.entries(this._options).flatMap(([name, value]) => {
      const flag = name.length === 1 ? `-${name}` : `--${name}`;
      const values: readonly (string | null)[] =
        typeof value === 'string' || value === null ? [value] : value;
      return values.map((one) => (one === null ? flag : `${flag}=${one}`));
    });
    const excludes = this._patterns.map(({ pattern }) => `--exclude=${pattern}`);
    return [...options, ...excludes, '--', ...this.source(), this.destination()];
  }
}
