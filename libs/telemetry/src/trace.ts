import { type Attributes, context, propagation, type Span, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";

const tracer = trace.getTracer("aegis");

/** The trace and span that the current work belongs to, for log lines. */
export function currentTrace(): { trace_id: string; span_id: string } | undefined {
  const current = trace.getActiveSpan()?.spanContext();
  return current ? { trace_id: current.traceId, span_id: current.spanId } : undefined;
}

/** W3C Trace Context of the current work, to send along. */
export function currentTraceparent(): string | undefined {
  const carrier: Record<string, string> = {};
  propagation.inject(context.active(), carrier);
  return carrier.traceparent;
}

/** Runs `work` as part of the caller's trace, when it sent one. */
export function withRemoteParent<T>(traceparent: string | undefined, work: () => T): T {
  return traceparent === undefined ? work() : context.with(propagation.extract(context.active(), { traceparent }), work);
}

/** Runs `work` inside a span; the span ends with it and records its failure. Costs little when the trace is not sampled. */
export async function span<T>(name: string, attributes: Attributes, work: (active: Span) => Promise<T>): Promise<T> {
  return tracer.startActiveSpan(name, { kind: SpanKind.INTERNAL, attributes }, async (active) => {
    try {
      return await work(active);
    } catch (error) {
      active.setStatus({ code: SpanStatusCode.ERROR, message: error instanceof Error ? error.message : String(error) });
      throw error;
    } finally {
      active.end();
    }
  });
}

/** Whether spans go anywhere, so that what only tracing needs can be left undone. */
export const isTracing = (): boolean => Boolean(process.env.OTEL_EXPORTER_OTLP_ENDPOINT) && process.env.OTEL_SDK_DISABLED !== "true";

/** Whether whoever sent this W3C traceparent records its trace. */
export const isSampled = (traceparent: string | undefined): traceparent is string =>
  traceparent !== undefined && (Number.parseInt(traceparent.slice(-2), 16) & 1) === 1;

export interface PastSpan {
  readonly attributes?: Attributes;
  /** Milliseconds since 1970, with fractions. */
  readonly start: number;
  readonly end: number;
  /** The caller's W3C traceparent. Default: part of the current work. */
  readonly traceparent?: string;
}

/** Records something that is over already. */
export function pastSpan(name: string, { attributes = {}, start, end, traceparent }: PastSpan): void {
  withRemoteParent(traceparent, () => tracer.startSpan(name, { kind: SpanKind.INTERNAL, attributes, startTime: start }).end(end));
}

/** Now, in the unit of spans: milliseconds since 1970, with fractions. */
export const spanTime = (): number => performance.timeOrigin + performance.now();

const member = Buffer.from('"traceparent":"');

/** The traceparent of a serialised CloudEvent, when its trace is recorded. */
export function sampledTraceparentIn(event: Uint8Array): string | undefined {
  const bytes = Buffer.from(event.buffer, event.byteOffset, event.byteLength);
  const at = bytes.indexOf(member);
  if (at < 0) return undefined;
  const text = bytes.toString("latin1", at + member.length, at + member.length + 55);
  return /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/.test(text) && isSampled(text) ? text : undefined;
}
