import type { MetricsReading } from './metrics-reading.js';

/** One series with its value. */
export interface Sample {
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
  /** Set for the parts of a histogram: `…_bucket`, `…_sum`, `…_count`. */
  readonly metricName?: string;
}

/** One metric. docs/metrics.md is generated from these. */
export interface MetricDefinition {
  readonly name: string;
  readonly type: 'gauge' | 'counter' | 'histogram';
  readonly labels: readonly string[];
  /** One sentence, as `# HELP` shows it. */
  readonly help: string;
  readonly read: (reading: MetricsReading) => Sample[];
}
