import { z } from "zod";
import { cloudEvent } from "./cloudevent.ts";
import { producer } from "./decision-event.ts";
import { actionName, agentName, digest, toolName } from "./names.ts";

const revision = { revision: z.int().min(1), version: z.string(), snapshotDigest: digest };

/** Where a second person is asked for, `approver` is who that was. */
const written = { ...revision, author: z.string(), message: z.string(), approver: z.string().optional() };

export const policyPublished = cloudEvent("dev.aegis.policy.published.v1", z.object(written));
/** `restores`: the earlier revision whose files the new one has. */
export const policyRolledBack = cloudEvent("dev.aegis.policy.rolledback.v1", z.object({ ...written, restores: z.int().min(1) }));
/** `policies`: the names of those that are enforced from now on and were in shadow before. */
export const policyPromoted = cloudEvent("dev.aegis.policy.promoted.v1", z.object({ ...written, policies: z.array(z.string()) }));

const proposal = { ...revision, author: z.string(), message: z.string(), /** The head it is to follow. */ follows: z.int().min(0) };
export const policyProposed = cloudEvent("dev.aegis.policy.proposed.v1", z.object(proposal));
export const policyApproved = cloudEvent("dev.aegis.policy.approved.v1", z.object({ ...proposal, approver: z.string() }));

export const policyActivated = cloudEvent(
  "dev.aegis.policy.activated.v1",
  z.object({ ...revision, replica: z.string(), millisecondsSinceIssue: z.number(), producer: producer.optional() }),
);

/** What policies grant and what is done have drifted apart; how much of each kind, over so many days. */
export const policyDrifted = cloudEvent(
  "dev.aegis.policy.drifted.v1",
  z.object({
    by: z.string(),
    days: z.number(),
    unused: z.int(),
    unjustified: z.int(),
    overdue: z.int(),
    unregistered: z.int(),
    ungoverned: z.int(),
    unseen: z.int(),
  }),
);

export const agentRegistered = cloudEvent(
  "dev.aegis.identity.registered.v1",
  z.object({ agent: agentName, owner: z.string(), by: z.string() }),
);
/** RFC 9396; absent: the scope alone says what the token is good for. */
const authorizationDetails = z.array(z.looseObject({ type: z.string() })).optional();

export const tokenIssued = cloudEvent(
  "dev.aegis.identity.issued.v1",
  z.object({
    agent: agentName,
    /** On whose behalf, when that is a user. */
    subject: z.string().optional(),
    tokenId: z.string(),
    scope: z.string(),
    authorizationDetails,
    expiresAt: z.iso.datetime(),
  }),
);
export const tokenDelegated = cloudEvent(
  "dev.aegis.identity.delegated.v1",
  z.object({
    agent: agentName,
    parent: agentName,
    parentTokenId: z.string(),
    tokenId: z.string(),
    scope: z.string(),
    authorizationDetails,
    depth: z.int(),
    expiresAt: z.iso.datetime(),
  }),
);
/** A token and all that were delegated from it; `tokenIds` names every one that still lived. */
export const tokenRevoked = cloudEvent(
  "dev.aegis.identity.token_revoked.v1",
  z.object({ agent: agentName, tokenId: z.string(), tokenIds: z.array(z.string()), by: z.string() }),
);
export const agentSuspended = cloudEvent("dev.aegis.identity.suspended.v1", z.object({ agent: agentName, by: z.string() }));
export const agentResumed = cloudEvent("dev.aegis.identity.resumed.v1", z.object({ agent: agentName, by: z.string() }));
export const agentRevoked = cloudEvent("dev.aegis.identity.revoked.v1", z.object({ agent: agentName, by: z.string() }));
export const agentActivated = cloudEvent("dev.aegis.identity.activated.v1", z.object({ agent: agentName, by: z.string() }));
export const agentRetired = cloudEvent("dev.aegis.identity.retired.v1", z.object({ agent: agentName, by: z.string() }));
/** What an agent is made of was approved; `fingerprint` is the digest its tokens carry from then on. */
export const fingerprintApproved = cloudEvent(
  "dev.aegis.identity.fingerprint_approved.v1",
  z.object({ agent: agentName, fingerprint: digest, by: z.string() }),
);
/** An agent has another ceiling; `added` says what it holds that the former one did not, and `by` who agreed, too. */
export const agentRescoped = cloudEvent(
  "dev.aegis.identity.rescoped.v1",
  z.object({ agent: agentName, scope: z.array(z.string()), mayAct: z.array(agentName), added: z.array(z.string()), by: z.string() }),
);
/** The tenant belongs to an organisation from now on, whose auditors may read; null: to none. */
export const orgAssigned = cloudEvent(
  "dev.aegis.identity.org_assigned.v1",
  z.object({ org: agentName.nullable(), former: agentName.nullable(), by: z.string() }),
);
/** An org-auditor was let read something of the tenant: `what`, of that service. */
export const orgRead = cloudEvent(
  "dev.aegis.identity.org_read.v1",
  z.object({ org: agentName.nullable(), by: z.string(), service: z.string(), what: z.string() }),
);
/** Every agent of an owner was revoked; `agents` names those that had not been before. */
export const ownerRevoked = cloudEvent(
  "dev.aegis.identity.owner_revoked.v1",
  z.object({ owner: z.string(), agents: z.array(agentName), by: z.string() }),
);
/** Every agent of a tenant was revoked; `agents` counts those that had not been before. */
export const tenantRevoked = cloudEvent("dev.aegis.identity.tenant_revoked.v1", z.object({ agents: z.int(), by: z.string() }));

const approval = {
  approvalId: z.uuid(),
  agent: agentName,
  tool: toolName,
  action: actionName,
  actionDigest: digest,
  ruleDigest: digest,
};
export const approvalRequested = cloudEvent(
  "dev.aegis.approval.requested.v1",
  z.object({ ...approval, queue: z.string(), quorum: z.int(), expiresAt: z.iso.datetime() }),
);
export const approvalVoted = cloudEvent(
  "dev.aegis.approval.voted.v1",
  z.object({ ...approval, voter: z.string(), vote: z.enum(["approve", "deny"]), comment: z.string() }),
);
export const approvalApproved = cloudEvent("dev.aegis.approval.approved.v1", z.object({ ...approval, by: z.array(z.string()) }));
export const approvalDenied = cloudEvent("dev.aegis.approval.denied.v1", z.object({ ...approval, by: z.string() }));
export const approvalExpired = cloudEvent("dev.aegis.approval.expired.v1", z.object(approval));
export const approvalCancelled = cloudEvent("dev.aegis.approval.cancelled.v1", z.object({ ...approval, by: z.string() }));
export const approvalRedeemed = cloudEvent("dev.aegis.approval.redeemed.v1", z.object({ ...approval, decisionId: z.uuid() }));

/** Standing leave: what it covers, and what became of it. */
const grant = { grantId: z.uuid(), approvalId: z.uuid(), agent: agentName, tool: toolName, action: actionName, ruleDigest: digest };
export const approvalGranted = cloudEvent(
  "dev.aegis.approval.granted.v1",
  z.object({
    ...grant,
    by: z.array(z.string()),
    /** Null: on whoever's behalf. */
    subject: z.string().nullable(),
    bounds: z.record(z.string(), z.unknown()),
    maxUses: z.int(),
    expiresAt: z.iso.datetime(),
    comment: z.string(),
  }),
);
export const approvalGrantUsed = cloudEvent(
  "dev.aegis.approval.grant_used.v1",
  z.object({ ...grant, actionDigest: digest, decisionId: z.uuid(), instance: z.string() }),
);
export const approvalGrantRevoked = cloudEvent("dev.aegis.approval.grant_revoked.v1", z.object({ ...grant, by: z.string() }));

const account = { scope: z.string(), unit: z.string(), window: z.string(), limit: z.int(), used: z.int() };
export const budgetThreshold = cloudEvent("dev.aegis.budget.threshold.v1", z.object({ ...account, percent: z.number() }));
export const budgetExhausted = cloudEvent("dev.aegis.budget.exhausted.v1", z.object(account));
/** A breaker opened: nothing of this scope (`agent/<agent>`, `prompt/<id>`) goes ahead before `until`. Told once, however often it opens again. */
export const budgetTripped = cloudEvent(
  "dev.aegis.budget.tripped.v1",
  z.object({ scope: z.string(), cause: z.enum(["failures", "denied", "spend", "fan_out"]), until: z.iso.datetime() }),
);
/** It closed again, `by` a probe or a person. */
export const budgetReset = cloudEvent("dev.aegis.budget.reset.v1", z.object({ scope: z.string(), by: z.string() }));

/**
 * A person's keys were destroyed: what was sealed with them is nobody's to read any more. audit writes the entry itself, in the transaction
 * that destroys them. `subject` is the pseudonym; `keys` are the generations.
 */
export const subjectErased = cloudEvent(
  "dev.aegis.ledger.subject_erased.v1",
  z.object({
    erasureId: z.uuid(),
    subject: z.string(),
    keys: z.array(z.int()),
    reason: z.string(),
    by: z.string(),
    approver: z.string().optional(),
  }),
);
/** Somebody was shown what is sealed in these entries. */
export const personalShown = cloudEvent(
  "dev.aegis.ledger.personal_shown.v1",
  z.object({ by: z.string(), entries: z.array(z.string()), subjects: z.array(z.string()) }),
);

export const checkpointPublished = cloudEvent(
  "dev.aegis.ledger.checkpoint.v1",
  z.object({ size: z.int(), root: z.string(), /** C2SP signed note. */ note: z.string() }),
);
