import type { JsonObject, JsonValue } from "@aegis/canonical/ijson";
import { type DecisionData, type DecisionEvent, decisionType, type Producer } from "@aegis/contracts/decision-event";
import type { Reason } from "@aegis/contracts/reasons";
import type { Finding, Looking } from "@aegis/dlp/detect";
import { redact, redactText } from "@aegis/dlp/redact";
import { boundReasons, type Draft, type Hidden } from "./draft.ts";
import { sizeUpTo } from "./size.ts";

/** What an event says besides the decision itself. */
export interface EventFacts {
  readonly source: string;
  /** RFC 3339. */
  readonly time: string;
  readonly traceparent?: string | undefined;
  /** Every finding of every detector in the arguments: none of it is stored, whether or not a policy asked. */
  readonly findings: readonly Finding[];
  /** What found them, for the texts that are no arguments. */
  readonly looking: Looking;
  readonly context: DecisionData["context"];
  readonly latencyMs: number;
  readonly pep: DecisionData["pep"];
  /** Leave out what only helps to understand: the spool is nearly full. */
  readonly shed: boolean;
}

/** An event must fit into one NATS message (1 MiB by default) with room to spare. */
const maxArgumentsInEvent = 256 * 1024;
/** Who sees where a call goes, rather than being told. */
const observers: ReadonlySet<DecisionData["pep"]> = new Set(["ext_authz", "ext_proc", "ext_mcp"]);
const noKey = new Uint8Array(32);

/** The event of a decision; it names its place in the producer's sequence, so it is made when that is known. */
export function decisionEventOf(draft: Draft, facts: EventFacts): (producer: Producer) => DecisionEvent {
  const { verdict, policy, call, approval } = draft;
  const hidden = draft.hidden ?? hiddenArguments(call, facts.findings);
  const inNames = facts.findings.some((finding) => finding.inKey);
  const reasons = storedReasons(draft.reasons, inNames, facts);
  const data: Omit<DecisionData, "producer"> = {
    decisionId: draft.id,
    decision: draft.decision,
    reasons,
    ...(draft.resultOf === undefined ? { kind: "check" } : { kind: "check_result", resultOf: draft.resultOf }),
    principal: draft.principal,
    tool: call.tool,
    action: call.action,
    arguments: facts.shed ? { "aegis:omitted": "the spool is nearly full" } : bounded(hidden.value as JsonObject),
    redactions: hidden.redactions.slice(0, 1000).map(({ pointer, detector, count }) => ({ pointer, detector, count })),
    ...(call.destination && {
      destination: {
        ...call.destination,
        url: redactText(call.destination.url, facts.looking),
        declaredBy: observers.has(facts.pep) ? ("gateway" as const) : ("sdk" as const),
      },
    }),
    context: storedContext(facts),
    actionDigest: draft.actionDigest,
    ...(verdict?.ruleDigest !== undefined && { ruleDigest: verdict.ruleDigest }),
    ...(policy && { snapshotDigest: policy.snapshot.digest, policyVersion: policy.snapshot.version }),
    dryRun: call.dryRun,
    ...(verdict?.shadow && {
      shadow: { decision: verdict.shadow.decision, reasons: storedReasons(verdict.shadow.reasons, inNames, facts) },
    }),
    ...(approval && {
      approval: { id: approval.id, queue: approval.queue, quorum: approval.quorum, expiresAt: approval.expiresAt },
    }),
    ...(draft.overrideOf !== undefined && { overrideOf: draft.overrideOf }),
    ...(draft.grantOf !== undefined && { grantOf: draft.grantOf }),
    ...(verdict && goesAhead(draft) && { cost: verdict.cost }),
    reservations: [...draft.reservations],
    latencyMs: facts.latencyMs,
    pep: facts.pep,
  };
  return (producer) => ({
    specversion: "1.0",
    id: draft.id,
    source: facts.source,
    type: decisionType,
    time: facts.time,
    datacontenttype: "application/json",
    tenant: draft.principal.tenant,
    ...(facts.traceparent !== undefined && { traceparent: facts.traceparent }),
    data: { ...data, producer },
  });
}

/** The arguments as others may know them: without anything that any detector found. */
export const hiddenArguments = (call: Draft["call"], findings: readonly Finding[]): Hidden =>
  redact(
    call.arguments as JsonValue,
    findings.map((finding) => ({ finding, action: "redact" as const })),
    { hashKey: noKey },
  );

/** What the caller calls things may hold what must not be stored, like anything else it writes. */
function storedContext({ context, shed, looking }: EventFacts): DecisionData["context"] {
  const stored: DecisionData["context"] = {};
  for (const [name, text] of Object.entries(context) as [keyof DecisionData["context"], string][]) {
    if (name !== "reasoning" || !shed) stored[name] = redactText(text, looking);
  }
  return stored;
}

/** A pointer spells the names of members, and a name may hold what must not be stored. */
function storedReasons(reasons: readonly Reason[], inNames: boolean, { looking }: Pick<EventFacts, "looking">): Reason[] {
  const stored = boundReasons(reasons);
  if (!inNames) return [...stored];
  return stored.map((reason) => ({
    ...reason,
    message: redactText(reason.message, looking),
    ...(reason.pointer !== undefined && { pointer: redactText(reason.pointer, looking) }),
  }));
}

/** Whether the call will be made: a denied, pending or dry-run call costs nothing. */
const goesAhead = (draft: Draft) => (draft.decision === "allow" || draft.decision === "sanitize") && !draft.call.dryRun;

function bounded(value: JsonObject): JsonObject {
  return sizeUpTo(value, maxArgumentsInEvent) > maxArgumentsInEvent ? { "aegis:omitted": "too large to store" } : value;
}
