import Rsync from 'rsync';

/**
 * The `rsync` package builds the command; it would run it in a shell, with arguments that it quotes for one and not well enough. Here
 * `args()` gives them as they are, for a spawn without a shell, and `execute` is not used.
 */
export class RsyncCommand extends Rsync {
  override args(): string[] {
    const options = Object.entries(this._options).flatMap(([name, value]) => {
      const flag = name.length === 1 ? `-${name}` : `--${name}`;
      const values: readonly (string | null)[] = typeof value === 'string' || value === null ? [value] : value;
      return values.map((one) => (one === null ? flag : `${flag}=${one}`));
    });
    const excludes = this._patterns.map(({ pattern }) => `--exclude=${pattern}`);
    return [...options, ...excludes, '--', ...this.source(), this.destination()];
  }
}
