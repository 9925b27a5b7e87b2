import { z } from "zod";
import { cloudEvent } from "./cloudevent.ts";
import { actionName, agentName, digest, linePattern, tenantName, toolName } from "./names.ts";
import { decisions, reason } from "./reasons.ts";

const line = z.string().regex(linePattern);

/** Who called: the verified token's claims that matter afterwards. */
export const principal = z.object({
  org: z.string(),
  tenant: tenantName,
  /** The acting agent (the token's client_id). */
  agent: agentName,
  /** On whose behalf: "user:…" or the first agent of the chain. */
  subject: line,
  /** The enforcement point named the subject itself, as its token lets it; without it, the token names the subject. */
  subjectAsserted: z.literal(true).optional(),
  /** The actors, newest first; the first is `agent`. */
  chain: z.array(line),
  depth: z.int().min(0),
  instance: line,
  /** The token's jti. */
  tokenId: z.string(),
});

/** Money is counted in millionths of a currency's unit, by its code of ISO 4217 in small letters: `micro_usd`, `micro_eur`. */
export const budgetUnit = z.union([z.enum(["tokens", "actions"]), z.templateLiteral(["micro_", z.string().regex(/^[a-z]{3}$/)])]);

/** An amount in a currency other than US dollars, in millionths of its unit. */
export const money = z.object({ currency: z.string().regex(/^[A-Z]{3}$/), micro: z.int().min(0) });

/** Units reserved for a decision on one account. */
export const reservation = z.object({
  scope: line,
  unit: budgetUnit,
  window: z.enum(["hour", "day", "week", "month", "prompt", "session"]),
  units: z.int().min(0),
  /** The lease it was spent from; absent when it was reserved synchronously. */
  leaseId: z.string().optional(),
});

/** Which process said it, and where in its sequence: gaps show loss, repeats show replay. */
export const producer = z.object({
  id: z.string(),
  /** Random, new at each start of the process. */
  epoch: z.string(),
  /** Contiguous from 1 within an epoch. */
  sequence: z.int().min(1),
});

/** How `redactions` names what was left out because it is somebody's own: no detector has this name. */
export const personalDetector = "personal";

/** What is somebody's own in an event, as a compact JWE (RFC 7516, `dir` and A256GCM) under a key of that person's alone. */
export const sealed = z.object({
  /** The key: pseudonym of the data subject, a point, and which of the subject's keys it is, from 1. Also the JWE's `kid`. */
  key: z.string().regex(/^[0-9a-f]{32}\.[1-9][0-9]*$/),
  /** JSON pointers into the event's `data`: what they lead to says nothing. */
  fields: z.array(z.string()),
  /** Its plaintext is a JSON array of the values, in the order of `fields`; the protected header's `for` is the event's id. */
  content: z.string(),
});
export type Sealed = z.infer<typeof sealed>;

const verdict = z.object({ decision: z.enum(decisions), reasons: z.array(reason) });

export const decisionData = z.object({
  /** Also the event's id. */
  decisionId: z.uuid(),
  decision: z.enum(decisions),
  reasons: z.array(reason),
  kind: z.enum(["check", "check_result"]),
  /** With `check_result`: the decision that let the call through. `arguments` then holds the answer, as `result`. */
  resultOf: z.uuid().optional(),
  principal,
  tool: toolName,
  action: actionName,
  /** Redacted: no value that a detector found is in here. */
  arguments: z.record(z.string(), z.unknown()),
  /** What of this is kept for those who may see it, until it is erased; absent where nothing is, or no key was to be had. */
  sealed: sealed.optional(),
  redactions: z.array(z.object({ pointer: z.string(), detector: z.string(), count: z.int() })),
  destination: z.object({ url: z.string(), method: z.string().optional(), declaredBy: z.enum(["sdk", "gateway"]) }).optional(),
  context: z
    .object({
      sessionId: line,
      promptId: line,
      purpose: line,
      reasoning: z.string(),
      planId: line,
      replanOf: line,
      toolCallId: line,
    })
    .partial(),
  actionDigest: digest,
  ruleDigest: digest.optional(),
  snapshotDigest: digest.optional(),
  policyVersion: z.string().optional(),
  dryRun: z.boolean(),
  /** What enforcement would have said, when a policy is in shadow. */
  shadow: verdict.optional(),
  approval: z
    .object({
      id: z.uuid(),
      queue: z.string(),
      quorum: z.int().min(1),
      expiresAt: z.iso.datetime(),
    })
    .optional(),
  /** The approval whose override was redeemed for this decision. */
  overrideOf: z.uuid().optional(),
  /** The standing grant that was used for this decision. */
  grantOf: z.uuid().optional(),
  /** `money`: where it is spent in another currency, and at how many US dollars for one unit it came to `microUsd`. */
  cost: z.object({ microUsd: z.int(), tokens: z.int(), money: money.extend({ rate: z.number() }).optional() }).optional(),
  reservations: z.array(reservation),
  /** Milliseconds from the call's arrival until the event was serialised. */
  latencyMs: z.number(),
  /** Which kind of enforcement point asked. */
  pep: z.enum(["grpc", "ext_authz", "ext_proc", "ext_mcp", "authzen", "opa"]),
  producer,
});

export const decisionType = "dev.aegis.decision.made.v1";
export const decisionEvent = cloudEvent(decisionType, decisionData);
export type DecisionData = z.infer<typeof decisionData>;
export type DecisionEvent = z.infer<typeof decisionEvent>;
export type Principal = z.infer<typeof principal>;
export type Reservation = z.infer<typeof reservation>;
export type Producer = z.infer<typeof producer>;
