import {
  dataOf,
  destinationOf,
  type ExportRecord,
  fieldsOf,
  listOf,
  present,
  reasonCodesOf,
  reasonsText,
  textOf,
  textsOf,
  traceOf,
} from "./record.ts";
import { type Severity, severityOf } from "./severity.ts";

const severities: Readonly<Record<Severity, number>> = { informational: 1, low: 2, medium: 3, high: 4, critical: 5 };

/** What ECS calls an entry's kind, category and type. */
function classification({ kind, decision }: ExportRecord): Record<string, unknown> {
  switch (kind) {
    case "decision":
      return { kind: "event", category: ["api"], type: [decision === "allow" || decision === "sanitize" ? "allowed" : "denied"] };
    case "outcome":
      return { kind: "event", category: ["api"], type: ["info"] };
    case "control":
      return { kind: "event", category: ["configuration"], type: ["change"] };
    default:
      return { kind: "alert", category: ["intrusion_detection"], type: ["info"] };
  }
}

function outcomeOf({ kind, decision, event }: ExportRecord): string {
  if (kind === "decision") return decision === "allow" || decision === "sanitize" ? "success" : "failure";
  if (kind === "outcome") return fieldsOf(event?.data).outcome === "executed" ? "success" : "failure";
  return kind === "control" ? "success" : "unknown";
}

/** The entry by the Elastic Common Schema 8.17; what ECS has no field for stands under `aegis`. */
export function ecsRecord(record: ExportRecord): Record<string, unknown> {
  const data = dataOf(record);
  const principal = fieldsOf(data.principal);
  const context = fieldsOf(data.context);
  const subject = textOf(principal.subject);
  const person = subject?.startsWith("user:") ? subject.slice("user:".length) : (textOf(data.by) ?? textOf(data.author));
  const destination = destinationOf(data);
  const trace = traceOf(record);
  const rule = listOf(data.reasons).flatMap((reason) => textOf(reason.rule) ?? [])[0];
  const latency = typeof data.latencyMs === "number" ? Math.round(data.latencyMs * 1_000_000) : undefined;
  const { content: _content, arguments: _arguments, ...rest } = data;
  return present({
    "@timestamp": record.occurredAt,
    ecs: { version: "8.17.0" },
    message: messageOf(record),
    event: present({
      id: record.id,
      ...classification(record),
      outcome: outcomeOf(record),
      action: record.tool === null ? record.type : `${record.tool}:${record.action}`,
      code: reasonCodesOf(data)[0] ?? record.type,
      reason: reasonsText(data),
      module: "aegis",
      dataset: `aegis.${record.kind}`,
      provider: "aegis",
      created: record.recordedAt,
      sequence: record.sequence,
      severity: severities[severityOf(record)],
      hash: record.leafHash,
      duration: latency,
    }),
    organization: { id: record.tenant, name: textOf(principal.org) ?? record.tenant },
    user: person === undefined ? undefined : { name: person, id: person },
    related: person === undefined ? undefined : { user: [person] },
    service: record.tool === null ? undefined : { name: record.tool },
    rule: present({ id: textOf(data.ruleDigest), name: rule, version: record.policyVersion }),
    url: destination && { full: destination.text, domain: destination.url.hostname },
    http: destination?.method === undefined ? undefined : { request: { method: destination.method } },
    trace: trace && { id: trace.trace },
    span: trace && { id: trace.span },
    aegis: present({
      agent: record.agent,
      decision: record.decision,
      delegation_chain: textsOf(principal.chain),
      prompt_id: textOf(context.promptId),
      session_id: textOf(context.sessionId),
      previous_hash: record.previousHash,
      // As one text: arguments of every tool in one index would have conflicting types.
      arguments: data.arguments === undefined ? undefined : JSON.stringify(data.arguments),
      data: JSON.stringify(rest),
    }),
  });
}

function messageOf(record: ExportRecord): string {
  if (record.kind !== "decision") return `${record.type} ${record.agent ?? ""}`.trim();
  return `${record.agent} called ${record.tool}:${record.action}: ${record.decision}`;
}
