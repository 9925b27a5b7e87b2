import type { z } from "zod";
import type { anyCloudEvent } from "./cloudevent.ts";
import * as control from "./control-events.ts";
import { decisionEvent } from "./decision-event.ts";
import { outcomeEvent } from "./outcome-event.ts";

export const services = ["authz", "token", "approvals", "policy-compiler", "budget", "audit"] as const;
export type ServiceName = (typeof services)[number];
export type StreamName = "DECISIONS" | "CONTROL" | "LEDGER" | "SIEM" | "PRODUCERS";

export interface SubjectRow {
  /** `<name>` marks a token filled in by `subject()`. */
  readonly pattern: string;
  readonly schema: z.ZodType<z.infer<typeof anyCloudEvent>>;
  readonly stream: StreamName;
  readonly owner: ServiceName;
  readonly consumers: readonly ServiceName[];
}

const row = (
  pattern: string,
  stream: StreamName,
  owner: ServiceName,
  schema: z.ZodType,
  consumers: readonly ServiceName[],
): SubjectRow => ({ pattern, stream, owner, schema: schema as SubjectRow["schema"], consumers });

/** The one table of events: subject, schema, stream, owner, consumers. */
export const subjects = {
  decision: row("aegis.decision.<tenant>.<agent>.<decision>", "DECISIONS", "authz", decisionEvent, ["audit", "approvals", "budget"]),
  outcome: row("aegis.outcome.<tenant>.<agent>.<outcome>", "DECISIONS", "authz", outcomeEvent, ["audit", "budget"]),
  policyPublished: row("aegis.policy.<tenant>.published", "CONTROL", "policy-compiler", control.policyPublished, ["audit", "approvals"]),
  policyRolledBack: row("aegis.policy.<tenant>.rolledback", "CONTROL", "policy-compiler", control.policyRolledBack, ["audit", "approvals"]),
  policyPromoted: row("aegis.policy.<tenant>.promoted", "CONTROL", "policy-compiler", control.policyPromoted, ["audit", "approvals"]),
  policyProposed: row("aegis.policy.<tenant>.proposed", "CONTROL", "policy-compiler", control.policyProposed, ["audit"]),
  policyApproved: row("aegis.policy.<tenant>.approved", "CONTROL", "policy-compiler", control.policyApproved, ["audit"]),
  policyDrifted: row("aegis.policy.<tenant>.drifted", "CONTROL", "policy-compiler", control.policyDrifted, ["audit"]),
  policyActivated: row("aegis.policy.<tenant>.activated", "CONTROL", "authz", control.policyActivated, ["audit", "policy-compiler"]),
  agentRegistered: row("aegis.identity.<tenant>.registered", "CONTROL", "token", control.agentRegistered, ["audit", "approvals"]),
  tokenIssued: row("aegis.identity.<tenant>.issued", "CONTROL", "token", control.tokenIssued, ["audit"]),
  tokenDelegated: row("aegis.identity.<tenant>.delegated", "CONTROL", "token", control.tokenDelegated, ["audit"]),
  tokenRevoked: row("aegis.identity.<tenant>.token_revoked", "CONTROL", "token", control.tokenRevoked, ["audit"]),
  agentSuspended: row("aegis.identity.<tenant>.suspended", "CONTROL", "token", control.agentSuspended, ["audit"]),
  agentResumed: row("aegis.identity.<tenant>.resumed", "CONTROL", "token", control.agentResumed, ["audit"]),
  agentActivated: row("aegis.identity.<tenant>.activated", "CONTROL", "token", control.agentActivated, ["audit"]),
  agentRetired: row("aegis.identity.<tenant>.retired", "CONTROL", "token", control.agentRetired, ["audit"]),
  fingerprintApproved: row("aegis.identity.<tenant>.fingerprint_approved", "CONTROL", "token", control.fingerprintApproved, ["audit"]),
  agentRescoped: row("aegis.identity.<tenant>.rescoped", "CONTROL", "token", control.agentRescoped, ["audit"]),
  orgAssigned: row("aegis.identity.<tenant>.org_assigned", "CONTROL", "token", control.orgAssigned, ["audit"]),
  orgRead: row("aegis.identity.<tenant>.org_read", "CONTROL", "token", control.orgRead, ["audit"]),
  ownerRevoked: row("aegis.identity.<tenant>.owner_revoked", "CONTROL", "token", control.ownerRevoked, ["audit"]),
  tenantRevoked: row("aegis.identity.<tenant>.tenant_revoked", "CONTROL", "token", control.tenantRevoked, ["audit"]),
  agentRevoked: row("aegis.identity.<tenant>.revoked", "CONTROL", "token", control.agentRevoked, ["audit", "approvals"]),
  approvalRequested: row("aegis.approval.<tenant>.requested", "CONTROL", "approvals", control.approvalRequested, ["audit"]),
  approvalVoted: row("aegis.approval.<tenant>.voted", "CONTROL", "approvals", control.approvalVoted, ["audit"]),
  approvalApproved: row("aegis.approval.<tenant>.approved", "CONTROL", "approvals", control.approvalApproved, ["audit"]),
  approvalDenied: row("aegis.approval.<tenant>.denied", "CONTROL", "approvals", control.approvalDenied, ["audit"]),
  approvalExpired: row("aegis.approval.<tenant>.expired", "CONTROL", "approvals", control.approvalExpired, ["audit"]),
  approvalCancelled: row("aegis.approval.<tenant>.cancelled", "CONTROL", "approvals", control.approvalCancelled, ["audit"]),
  approvalRedeemed: row("aegis.approval.<tenant>.redeemed", "CONTROL", "approvals", control.approvalRedeemed, ["audit"]),
  approvalGranted: row("aegis.approval.<tenant>.granted", "CONTROL", "approvals", control.approvalGranted, ["audit"]),
  approvalGrantUsed: row("aegis.approval.<tenant>.grant_used", "CONTROL", "approvals", control.approvalGrantUsed, ["audit"]),
  approvalGrantRevoked: row("aegis.approval.<tenant>.grant_revoked", "CONTROL", "approvals", control.approvalGrantRevoked, ["audit"]),
  budgetThreshold: row("aegis.budget.<tenant>.threshold", "CONTROL", "budget", control.budgetThreshold, ["approvals", "audit"]),
  budgetExhausted: row("aegis.budget.<tenant>.exhausted", "CONTROL", "budget", control.budgetExhausted, ["approvals", "audit"]),
  budgetTripped: row("aegis.budget.<tenant>.tripped", "CONTROL", "budget", control.budgetTripped, ["approvals", "audit"]),
  budgetReset: row("aegis.budget.<tenant>.reset", "CONTROL", "budget", control.budgetReset, ["audit"]),
  checkpoint: row("aegis.ledger.<tenant>.checkpoint", "LEDGER", "audit", control.checkpointPublished, []),
  subjectErased: row("aegis.ledger.<tenant>.subject_erased", "LEDGER", "audit", control.subjectErased, []),
  personalShown: row("aegis.ledger.<tenant>.personal_shown", "LEDGER", "audit", control.personalShown, []),
} as const satisfies Record<string, SubjectRow>;

export type SubjectName = keyof typeof subjects;

/** What each stream captures. */
export const streams: Readonly<Record<StreamName, readonly string[]>> = {
  DECISIONS: ["aegis.decision.>", "aegis.outcome.>"],
  CONTROL: ["aegis.policy.>", "aegis.identity.>", "aegis.approval.>", "aegis.budget.>"],
  LEDGER: ["aegis.ledger.>"],
  SIEM: ["aegis.siem.>"],
  PRODUCERS: ["aegis.producer.>"],
};

/** Written by audit: every entry of a tenant's ledger as an OCSF event; `ocsfClass` is its class by name, e.g. "api_activity". */
export const siemSubject = (tenant: string, ocsfClass: string): string => `aegis.siem.ocsf.${tenant}.${ocsfClass}`;

/** Where a tenant's login finds JetStream's API: the prefix that its client must be told. */
export const tenantApiPrefix = "AEGIS.API";

/**
 * What a tenant's own login hears on NATS: each of its events as it is published, and its OCSF records. The durable consumer of the stream
 * SIEM, made by audit, is what it reads those from without a gap.
 */
export const tenantStream = (tenant: string) => ({
  user: `tenant-${tenant}`,
  hears: Object.entries(streams)
    // What producers sign is of no one tenant.
    .flatMap(([name, patterns]) => (name === "PRODUCERS" ? [] : patterns))
    .map((pattern) => pattern.replace(/^aegis\.siem\.>$/, "aegis.siem.ocsf.>").replace(/>$/, `${tenant}.>`)),
  stream: "SIEM" as const,
  durable: `tenant-${tenant}`,
  filter: siemSubject(tenant, ">"),
});

/**
 * What an authz process signs of the events it numbered: the message of `libs/tlog`'s statement, no event and of no one tenant. Read by
 * audit.
 */
export const statementSubject = (producer: string): string => `aegis.producer.${producer}`;

/** Core NATS subjects: they carry hints whose loss is harmless, so they are in no stream. */
export const hints = {
  /**
   * audit → authz: what of a producer's epoch is ledgered and checkpointed. JSON `{producer, epoch, sequence, highest, missing}`:
   * `highest` is ledgered, and of what is below it the ranges `missing` ([[first, last], …]) are not.
   */
  watermark: (producer: string) => `aegis.watermark.${producer}`,
  /** authz: a token that did not verify. */
  authnFailed: "aegis.authn.failed",
  /** authz → authz: give back what nobody uses of your leases of one account. JSON `{tenant, scope, unit, window, by}`, `by` the holder who asks. */
  recall: "aegis.recall",
  /** authz → authz: a call that was let through failed. JSON `{tenant, agent, actionDigest, by}`, `by` the replica that was told. */
  callFailed: "aegis.callfailed",
  /**
   * authz → authz: so many calls of an agent were refused, or failed, one after the other. JSON `{tenant, agent, kind, calls, by}`, `kind`
   * "denied" or "failed"; `calls` 0: one went through, and the row is over everywhere.
   */
  agentStreak: "aegis.agentstreak",
  /** audit → authz: a data subject was erased. JSON `{tenant, key}`, `key` as `sealed.key` of an event. */
  subjectErased: "aegis.subjecterased",
} as const;

/** State that others read, in JetStream key-value buckets and object stores. */
export const stores = {
  /** key `<tenant>` → compact JWS of a policy head. */
  policyHeads: "policy-heads",
  /** object `<tenant>/<revision>-<digest hex>` → bundle tarball. */
  bundles: "bundles",
  /**
   * Written by token. Key `<tenant>.<agent>` → JSON `{state: "suspended"|"retired"|"revoked", since}`, deleted when the agent resumes;
   * key `<tenant>` → JSON `{state: "revoked", since}` for a tenant that is revoked as a whole; key `<tenant>.token.<jti>` → JSON
   * `{state: "revoked", since, until}`, meaningless after `until`. Times are RFC 3339.
   */
  revocations: "revocations",
  /**
   * key `<replica>` → JSON `{replica, epoch, tenants, prepared, since, refused}`, the last four by tenant: revision in force, revision that
   * waits for a barrier, milliseconds since 1970 of a switch, why a head was not accepted. `revocations` is the newest revision of the
   * bucket of that name that the replica enforces. Entries age out.
   */
  replicas: "authz-replicas",
  /**
   * Written by authz. key `<tenant>.<session id in base64url>` → JSON `{labels, calls}`: what was seen in a session, where policies ask.
   * Entries age out a day after the session's last call.
   */
  sessions: "sessions",
  /**
   * Written by budget. key `breakerKey(tenant, scope)` → JSON `{state: "open"|"half_open", scope, cause, since, until}`: a breaker that lets
   * nothing through before `until`, and afterwards only probes that budget admits. Deleted when it closes. Times in milliseconds since 1970.
   */
  budgetState: "budget-state",
  /** Written by authz. key: SHA-256 of a DPoP proof's key and `jti`, in base64url → nothing. Entries age out after five minutes. */
  proofs: "proofs",
} as const;

/** The key of a breaker in `budget-state`; the scope is `agent/<agent>` or `prompt/<id, percent-encoded>`. */
export const breakerKey = (tenant: string, scope: string): string => `${tenant}.${Buffer.from(scope).toString("base64url")}`;

/** Fills a row's pattern; every value must be one subject token. */
export function subject(name: SubjectName, tokens: Readonly<Record<string, string>>): string {
  let filled = "";
  for (const { text, key } of parts[name]) {
    filled += text;
    if (key === undefined) continue;
    const value = tokens[key];
    if (value === undefined || !oneToken.test(value)) throw new RangeError(`subject ${name}: ${key} is not one token: ${value}`);
    filled += value;
  }
  return filled;
}

const oneToken = /^[A-Za-z0-9_-]+$/;

/** Each pattern as texts, and the name of the token that follows each. */
const parts = Object.fromEntries(
  Object.entries(subjects).map(([name, { pattern }]) => {
    const pieces = pattern.split(/<(\w+)>/);
    return [name, pieces.flatMap((text, index) => (index % 2 === 0 ? [{ text, key: pieces[index + 1] }] : []))];
  }),
) as unknown as Record<SubjectName, readonly { readonly text: string; readonly key: string | undefined }[]>;
