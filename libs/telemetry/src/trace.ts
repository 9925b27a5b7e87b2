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
