import { chainOf, envelope } from "./ocsf-classes.ts";
import {
  dataOf,
  destinationOf,
  type ExportRecord,
  type Fields,
  fieldsOf,
  integerOf,
  listOf,
  present,
  reasonCodesOf,
  reasonsText,
  textOf,
  textsOf,
  traceOf,
} from "./record.ts";

interface Verdict {
  readonly action: { readonly id: number; readonly caption: string };
  readonly disposition: { readonly id: number; readonly caption: string };
  readonly succeeded: boolean;
}

const allowed = { id: 1, caption: "Allowed" };
const denied = { id: 2, caption: "Denied" };
const modified = { id: 4, caption: "Modified" };

/** What OCSF's security control profile calls our four answers. */
const verdicts: Readonly<Record<string, Verdict>> = {
  allow: { action: allowed, disposition: { id: 1, caption: "Allowed" }, succeeded: true },
  deny: { action: denied, disposition: { id: 2, caption: "Blocked" }, succeeded: false },
  sanitize: { action: modified, disposition: { id: 11, caption: "Corrected" }, succeeded: true },
  approval_needed: { action: denied, disposition: { id: 14, caption: "Delayed" }, succeeded: false },
};

const unknown: Verdict = { action: { id: 0, caption: "Unknown" }, disposition: { id: 0, caption: "Unknown" }, succeeded: false };

/** A decision: the agent is the actor, the tool the service, the action the operation. */
export function apiActivity(record: ExportRecord): Record<string, unknown> {
  const data = dataOf(record);
  const context = fieldsOf(data.context);
  const verdict = verdicts[record.decision ?? ""] ?? unknown;
  const latency = typeof data.latencyMs === "number" ? Math.round(data.latencyMs) : undefined;
  return present({
    ...envelope(record, {
      of: "api_activity",
      activity: { id: 99, name: "Tool call" },
      profiles: ["ai_operation", "security_control", "trace"],
      correlation: textOf(context.promptId) ?? textOf(context.sessionId),
    }),
    message: `${record.agent} called ${record.tool}:${record.action}: ${record.decision}`,
    status_id: verdict.succeeded ? 1 : 2,
    status: verdict.succeeded ? "Success" : "Failure",
    status_code: reasonCodesOf(data)[0],
    status_detail: reasonsText(data),
    action_id: verdict.action.id,
    action: verdict.action.caption,
    ...dispositionOf(data, verdict),
    duration: latency,
    actor: actorOf(record, data),
    src_endpoint: sourceOf(record, data),
    api: {
      operation: record.action ?? "unknown",
      service: { name: record.tool ?? "unknown" },
      request: present({ uid: textOf(data.decisionId) ?? record.id, data: data.arguments }),
    },
    ...endpointOf(data),
    resources: record.tool === null ? undefined : [{ name: record.tool, type: "tool", uid: record.tool }],
    policy: policyOf(record, data),
    message_context: messageContextOf(record, context),
    trace: tracing(record),
    unmapped: { aegis: present({ ...decisionDetail(data), ledger: chainOf(record) }) },
  });
}

/** What came of a call that was let through. */
export function outcomeActivity(record: ExportRecord): Record<string, unknown> {
  const data = dataOf(record);
  const outcome = textOf(data.outcome) ?? "unknown";
  const succeeded = outcome === "executed";
  const decisionId = textOf(data.decisionId);
  return present({
    ...envelope(record, {
      of: "api_activity",
      activity: { id: 99, name: "Tool call outcome" },
      profiles: ["ai_operation", "security_control", "trace"],
      correlation: decisionId,
    }),
    message: `${record.agent} reported ${outcome}`,
    status_id: succeeded ? 1 : 2,
    status: succeeded ? "Success" : "Failure",
    status_code: outcome,
    status_detail: textOf(data.error),
    action_id: 3,
    action: "Observed",
    disposition_id: 17,
    disposition: "Logged",
    actor: actorOf(record, data),
    src_endpoint: sourceOf(record, data),
    api: present({ operation: outcome, request: decisionId === undefined ? undefined : { uid: decisionId } }),
    trace: tracing(record),
    unmapped: {
      aegis: present({ actual_cost: fieldsOf(data.actual), result_digest: textOf(data.resultDigest), ledger: chainOf(record) }),
    },
  });
}

/** A dry run changes nothing, and an override is what a person approved. */
function dispositionOf(data: Fields, { disposition }: Verdict): Record<string, unknown> {
  if (data.dryRun === true) return { disposition_id: 17, disposition: "Logged" };
  if (textOf(data.overrideOf) !== undefined && disposition.id === 1) return { disposition_id: 8, disposition: "Approved" };
  return { disposition_id: disposition.id, disposition: disposition.caption };
}

function actorOf(record: ExportRecord, data: Fields): Record<string, unknown> {
  const principal = fieldsOf(data.principal);
  const subject = textOf(principal.subject);
  const person = subject?.startsWith("user:") ? subject.slice("user:".length) : undefined;
  const caller = textsOf(principal.chain)[1];
  return present({
    app_name: record.agent ?? "unknown",
    app_uid: `${record.tenant}/${record.agent ?? "unknown"}`,
    user: person && present({ uid: subject, name: person, org: organisation(principal) }),
    invoked_by: caller,
    session: present({ uid: textOf(fieldsOf(data.context).sessionId), credential_uid: textOf(principal.tokenId) }),
  });
}

const organisation = ({ org }: Fields) => (textOf(org) === undefined ? undefined : { uid: textOf(org), name: textOf(org) });

const sourceOf = (record: ExportRecord, data: Fields) =>
  present({ name: record.agent ?? "unknown", instance_uid: textOf(fieldsOf(data.principal).instance), svc_name: textOf(data.pep) });

function endpointOf(data: Fields): Record<string, unknown> {
  const destination = destinationOf(data);
  if (destination === undefined) return {};
  const { url, text, method } = destination;
  const port = url.port === "" ? undefined : Number(url.port);
  return {
    dst_endpoint: present({ hostname: url.hostname, port }),
    http_request: present({
      http_method: method,
      url: present({ url_string: text, scheme: url.protocol.slice(0, -1), hostname: url.hostname, path: url.pathname, port }),
    }),
  };
}

function policyOf(record: ExportRecord, data: Fields): Record<string, unknown> | undefined {
  if (record.policyVersion === null) return undefined;
  const rule = listOf(data.reasons).flatMap((reason) => textOf(reason.rule) ?? [])[0];
  return present({ name: rule ?? "policy", version: record.policyVersion, uid: textOf(data.ruleDigest), is_applied: true });
}

function messageContextOf(record: ExportRecord, context: Fields): Record<string, unknown> | undefined {
  const prompt = textOf(context.promptId);
  if (prompt === undefined) return undefined;
  return { uid: prompt, ai_role_id: 4, ai_role: "Agent", application: { name: record.agent ?? "unknown" } };
}

const tracing = (record: ExportRecord) => {
  const found = traceOf(record);
  return found && { uid: found.trace };
};

function decisionDetail(data: Fields): Record<string, unknown> {
  const principal = fieldsOf(data.principal);
  const context = fieldsOf(data.context);
  return present({
    decision: data.decision,
    reasons: listOf(data.reasons),
    redactions: listOf(data.redactions),
    dry_run: data.dryRun === true ? true : undefined,
    shadow: fieldsOf(data.shadow),
    approval: textOf(fieldsOf(data.approval).id),
    override_of: textOf(data.overrideOf),
    result_of: textOf(data.resultOf),
    delegation_chain: textsOf(principal.chain),
    delegation_depth: integerOf(principal.depth),
    on_behalf_of: textOf(principal.subject),
    purpose: textOf(context.purpose),
    reasoning: textOf(context.reasoning),
    plan: textOf(context.planId),
    replan_of: textOf(context.replanOf),
    tool_call: textOf(context.toolCallId),
    action_digest: textOf(data.actionDigest),
    rule_digest: textOf(data.ruleDigest),
    snapshot_digest: textOf(data.snapshotDigest),
    cost: fieldsOf(data.cost),
    enforcement_point: textOf(data.pep),
  });
}
