import type { MetricsAnswer, MetricsRegistry, RegisteredMetric } from '../api/metrics.js';
import type { Overview } from '../api/overview.js';
import type { HostContext } from '../context/host-context.js';
import { SyncMediaError } from '../model/errors.js';
import { withTimeout } from '../util/with-timeout.js';
import { loadPromClient, type PromClient } from './load-prom-client.js';
import type { MetricDefinition } from './metric-definition.js';
import { metricDefinitions } from './metrics-list.js';
import { countCaptures } from './count-captures.js';
import type { MetricsReading } from './metrics-reading.js';

type MetricsContext = Pick<HostContext, 'counters' | 'database' | 'config' | 'tuning'>;

interface MetricsSource {
  readOverview(): Promise<Overview>;
  /** Resolves to undefined on a machine without a host id. */
  openContext(): Promise<MetricsContext | undefined>;
}

interface MetricsTimes {
  /** One scrape asks for every metric at once, and reads the database once. */
  readonly freshMs: number;
  /** How long a scrape waits for the database. Prometheus gives up after ten seconds. */
  readonly readMs: number;
}

const defaultTimes: MetricsTimes = { freshMs: 1_000, readMs: 5_000 };

/**
 * Tells the metrics of the whole site. They come from the database alone, so it does not matter
 * which process of which host answers. While the database does not answer, they stay as they were,
 * and `syncmedia_snapshot_age_seconds` grows.
 */
export class SiteMetrics {
  private last:
    { readonly reading: Omit<MetricsReading, 'ageSeconds'>; readonly readAt: number } | undefined;
  private lastError: unknown;
  private triedAt = -Infinity;
  /** At most one reading is under way, however long the database takes. */
  private reading: Promise<void> | undefined;
  private readonly registered = new WeakMap<
    MetricsRegistry,
    readonly { readonly name: string; readonly metric: RegisteredMetric }[]
  >();
  private writer: Promise<() => Promise<MetricsAnswer>> | undefined;

  constructor(
    private readonly source: MetricsSource,
    private readonly load: () => Promise<PromClient> = loadPromClient,
    private readonly times: MetricsTimes = defaultTimes,
  ) {}

  /**
   * Writes the metrics as text.
   * @throws NO_PROM_CLIENT; the error of the database if it has not answered yet
   */
  async write(): Promise<MetricsAnswer> {
    const write = await (this.writer ??= this.makeWriter().catch((error: unknown) => {
      // It may be installed before the next request.
      this.writer = undefined;
      throw error;
    }));
    await this.refresh();
    if (!this.last) throw this.lastError;
    return write();
  }

  /**
   * Registers every metric in a registry of prom-client that the application has. A registry
   * accepts the same object again, so this may be repeated, as by a module that is loaded anew.
   */
  register(registry: MetricsRegistry): void {
    const metrics =
      this.registered.get(registry) ??
      metricDefinitions.map((one) => ({ name: one.name, metric: this.makeMetric(one) }));
    this.registered.set(registry, metrics);
    for (const { name, metric } of metrics) {
      // The registry may have changed it.
      metric.name = name;
      registry.registerMetric(metric as never);
    }
  }

  private async makeWriter(): Promise<() => Promise<MetricsAnswer>> {
    const { Registry } = await this.load();
    const registry = new Registry();
    this.register(registry);
    return async () => ({ contentType: registry.contentType, text: await registry.metrics() });
  }

  /** Its `get` never rejects: the application's own metrics would be lost with ours. */
  private makeMetric({ name, help, type, read }: MetricDefinition): RegisteredMetric {
    const metric: RegisteredMetric = {
      name,
      help,
      type,
      // The processes of a cluster say the same, so their values must not be added.
      aggregator: 'max',
      get: async () => {
        await this.refresh();
        // The registry may have changed the name, as OpenMetrics asks for.
        return { ...metric, values: this.sample(read) };
      },
      reset: () => undefined,
    };
    return metric;
  }

  private sample(read: MetricDefinition['read']): ReturnType<MetricDefinition['read']> {
    if (!this.last) return [];
    const { reading, readAt } = this.last;
    return read({ ...reading, ageSeconds: Math.round((performance.now() - readAt) / 1000) });
  }

  /** Reads the database, at most once a second. Never rejects. */
  private async refresh(): Promise<void> {
    if (!this.reading && performance.now() - this.triedAt < this.times.freshMs) return;
    this.reading ??= this.read().finally(() => {
      this.reading = undefined;
      this.triedAt = performance.now();
    });
    try {
      await withTimeout(this.reading, this.times.readMs, 'the database');
    } catch (error) {
      this.lastError = error;
    }
  }

  private async read(): Promise<void> {
    const readAt = performance.now();
    const context = await this.source.openContext();
    const [overview, totals, waiting] = await Promise.all([
      this.source.readOverview(),
      context?.counters.readTotals() ?? [],
      context ? countCaptures(getCaptures(context), context.tuning.captureDueMs) : [],
    ]);
    const { unavailable } = overview;
    if (unavailable) throw new SyncMediaError(unavailable.code, unavailable.message);
    // All callers share the overview, so it may be the one of the last scrape.
    const isSame = this.last?.reading.overview.at.getTime() === overview.at.getTime();
    this.last = {
      reading: { overview, totals, waiting },
      readAt: (isSame ? this.last?.readAt : undefined) ?? readAt,
    };
  }
}

function getCaptures({
  database,
  config,
}: Pick<HostContext, 'database' | 'config'>): ReturnType<HostContext['database']['collection']> {
  return database.collection(`${config.collectionPrefix}captures`);
}
