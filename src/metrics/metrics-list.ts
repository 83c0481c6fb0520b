import { counterMetrics } from './counter-metrics.js';
import { hostMetrics, siteMetrics } from './host-metrics.js';
import type { MetricDefinition } from './metric-definition.js';

/** All metrics of this package. Every host and process tells the same of all hosts. */
export const metricDefinitions: readonly MetricDefinition[] = [
  ...hostMetrics,
  ...siteMetrics,
  ...counterMetrics,
];
