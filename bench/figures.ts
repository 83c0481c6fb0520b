/** Milliseconds of a clock that all processes of this machine share. */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}
export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
export function p95(values: readonly number[]): number {
  return quantile(values, 0.95);
}

/** The value that this share of the values does not exceed. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return (
    sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(sorted.length * share) - 1))] ?? NaN
  );
}

export function milliseconds(value: number, digits = value < 100 ? 1 : 0): string {
  return `${value.toFixed(digits)} ms`;
}
export function ratio(value: number): string {
  return `${value.toFixed(value < 10 ? 2 : 0)} ×`;
}

/** A row of a table: what was measured, its median and p95, and how often. */
export function row(what: string, values: readonly number[], ...more: readonly string[]): string[] {
  return [
    what,
    milliseconds(median(values)),
    milliseconds(p95(values)),
    String(values.length),
    ...more,
  ];
}
export const rowHead = ['', 'median', 'p95', 'runs'];
