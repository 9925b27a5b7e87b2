import type { Attributes } from "@opentelemetry/api";
import { metrics } from "@opentelemetry/api";
import { PrometheusExporter, PrometheusSerializer } from "@opentelemetry/exporter-prometheus";
import { NodeSDK } from "@opentelemetry/sdk-node";

export interface Counter {
  add(amount: number, labels?: Attributes): void;
}

export interface Histogram {
  record(value: number, labels?: Attributes): void;
}

export type GaugeReading = number | readonly { readonly value: number; readonly labels: Attributes }[];

/** Metrics of one process. Names carry their unit (`aegis_decision_duration_seconds`); labels have few values. */
export interface Telemetry extends AsyncDisposable {
  counter(name: string, help: string): Counter;
  /** `buckets` are upper bounds, ascending. */
  histogram(name: string, help: string, buckets?: readonly number[]): Histogram;
  /** `read` is called at each scrape. */
  gauge(name: string, help: string, read: () => GaugeReading): void;
  /** Prometheus text format. */
  metricsText(): Promise<string>;
}

/**
 * Starts OpenTelemetry: metrics for Prometheus to scrape, traces to `OTEL_EXPORTER_OTLP_ENDPOINT` when that is set.
 * Configured only by the standard `OTEL_*` variables. Resource detection is off: it would publish the command line and the user.
 */
export function startTelemetry(identity: { service: string; instance: string }): Telemetry {
  process.env.OTEL_TRACES_EXPORTER ??= process.env.OTEL_EXPORTER_OTLP_ENDPOINT ? "otlp" : "none";
  process.env.OTEL_LOGS_EXPORTER ??= "none";
  process.env.OTEL_METRICS_EXPORTER ??= "none";
  const reader = new PrometheusExporter({ preventServerStart: true });
  const sdk = new NodeSDK({
    serviceName: `aegis-${identity.service}`,
    autoDetectResources: false,
    metricReaders: [reader],
    instrumentations: [],
  });
  sdk.start();
  const meter = metrics.getMeter("aegis");
  const serializer = new PrometheusSerializer();
  const base = { instance: identity.instance };
  return {
    counter(name, help) {
      const totals = new Totals(base);
      meter
        .createObservableCounter(name, { description: help })
        .addCallback((result) => totals.each((total, labels) => result.observe(total, labels)));
      return totals;
    },
    histogram(name, help, buckets = secondsBuckets) {
      const histogram = meter.createHistogram(name, { description: help, advice: { explicitBucketBoundaries: [...buckets] } });
      return { record: (value, labels) => histogram.record(value, labels ? { ...base, ...labels } : base) };
    },
    gauge(name, help, read) {
      meter.createObservableGauge(name, { description: help }).addCallback((result) => {
        const reading = read();
        if (typeof reading === "number") result.observe(reading, base);
        else for (const one of reading) result.observe(one.value, { ...base, ...one.labels });
      });
    },
    async metricsText() {
      const { resourceMetrics } = await reader.collect();
      return serializer.serialize(resourceMetrics);
    },
    async [Symbol.asyncDispose]() {
      // An exporter that cannot reach its collector must not keep the service from stopping.
      await sdk.shutdown().catch(() => undefined);
    },
  };
}

/** OpenTelemetry keeps as many sets of labels of one instrument by default, and adds up the rest as one. */
const mostLabelled = 1_998;

/** Adds up in place: OpenTelemetry would sort and spell the labels out with every call, and asks for the sums at each scrape anyway. */
class Totals implements Counter {
  readonly #base: Attributes;
  readonly #bare: { total: number; readonly labels: Attributes };
  readonly #labelled = new Map<string, { total: number; readonly labels: Attributes }>();
  readonly #others: { total: number; readonly labels: Attributes };

  constructor(base: Attributes) {
    this.#base = base;
    this.#bare = { total: 0, labels: base };
    this.#others = { total: 0, labels: { ...base, "otel.metric.overflow": true } };
  }

  add(amount: number, labels?: Attributes): void {
    if (labels === undefined) {
      this.#bare.total += amount;
      return;
    }
    let key = "";
    for (const name in labels) key += `${name}\n${labels[name]}\n`;
    const known = this.#labelled.get(key);
    if (known !== undefined) known.total += amount;
    else if (this.#labelled.size < mostLabelled) this.#labelled.set(key, { total: amount, labels: { ...this.#base, ...labels } });
    else this.#others.total += amount;
  }

  each(visit: (total: number, labels: Attributes) => void): void {
    for (const { total, labels } of [this.#bare, ...this.#labelled.values()]) visit(total, labels);
    if (this.#others.total > 0) visit(this.#others.total, this.#others.labels);
  }
}

const secondsBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
