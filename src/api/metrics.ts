/** The metrics as Prometheus reads them. */
export interface MetricsAnswer {
  readonly contentType: string;
  readonly text: string;
}

/** A metric with the members that a registry of prom-client uses. */
export interface RegisteredMetric {
  name: string;
  help: string;
  type: 'gauge' | 'counter' | 'histogram';
  aggregator: 'max';
  get(): Promise<{
    name: string;
    help: string;
    type: RegisteredMetric['type'];
    aggregator: RegisteredMetric['aggregator'];
    values: {
      labels: Readonly<Record<string, string | number>>;
      value: number;
      metricName?: string;
    }[];
  }>;
  reset(): void;
}

/** A registry of prom-client: `register`, or one of the application's own. */
export interface MetricsRegistry {
  registerMetric(metric: never): void;
}
