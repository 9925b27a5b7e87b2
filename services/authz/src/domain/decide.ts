import type { Principal } from "@aegis/contracts/decision-event";
import type { Reason } from "@aegis/contracts/reasons";
import { detectorNames, type Finding, scan } from "@aegis/dlp/detect";
import type { Detectors } from "@aegis/dlp/prepare";
import { type AgentClaims, scopeOf } from "@aegis/identity/claims";
import { type DetailedCall, refuseDetailed } from "@aegis/identity/details-permit";

import type { SessionFacts, Verdict } from "@aegis/policy/input";
import type { Call } from "./call.ts";
import { type ActivePolicy, usablePolicy } from "./policies.ts";
import { boundContext, refuseContext, refuseIdentity, staleRevocations } from "./principal.ts";
import { type Revocations, staleForIrreversibleMs } from "./revocations.ts";

/** What is known when a call is judged. */
export interface Facts {
  readonly claims: AgentClaims;
  readonly principal: Principal;
  readonly expired: boolean;
  readonly revocations: Revocations;
  readonly active: ActivePolicy | undefined;
  /** Every finding of every detector in the arguments. */
  readonly findings: readonly Finding[];
  /** Milliseconds since 1970. */
  readonly now: number;
  /** What was seen in the call's session; absent where nothing asks, or nothing is known. */
  readonly session?: SessionFacts | undefined;
}

/** Either a refusal that no policy had a say in, or what the policies say. */
export type Judgement =
  | { readonly kind: "refused"; readonly reason: Reason; readonly policy?: ActivePolicy }
  | { readonly kind: "judged"; readonly verdict: Verdict; readonly policy: ActivePolicy };

/** Why a token is not good for a call, whatever policies say of it. Without arguments: whether it is for any. */
export const refuseToken = (
  call: DetailedCall & Pick<Call, "context">,
  { claims, principal, expired, revocations, now }: Omit<Facts, "active" | "findings">,
): Reason | undefined =>
  refuseIdentity(principal, expired, revocations, now) ?? refuseContext(claims, call.context) ?? refuseDetailed(claims, call);

/** Judges one call by everything that is known without asking anybody. */
export function judge(call: Call, facts: Facts): Judgement {
  const refusal = refuseToken(call, facts);
  if (refusal) return { kind: "refused", reason: refusal };
  const policy = usablePolicy(facts.active, facts.now);
  if ("code" in policy) return { kind: "refused", reason: policy };
  const verdict = evaluate(call, facts, policy);
  if (verdict.durability === "T0" && verdict.decision !== "deny" && facts.revocations.age(facts.now) > staleForIrreversibleMs)
    return { kind: "refused", reason: staleRevocations, policy };
  return { kind: "judged", policy, verdict };
}

function evaluate(call: Call, facts: Facts, { snapshot }: ActivePolicy): Verdict {
  const { principal, claims } = facts;
  const context = boundContext(claims, call.context);
  return snapshot.evaluate({
    principal: {
      tenant: principal.tenant,
      agent: principal.agent,
      subject: principal.subject,
      chain: principal.chain,
      depth: principal.depth,
      scope: scopeOf(claims),
      issuedAt: claims.iat,
    },
    tool: call.tool,
    action: call.action,
    arguments: call.arguments,
    destination: call.destination,
    context: { purpose: context.purpose, promptId: context.promptId, sessionId: context.sessionId },
    session: facts.session,
    drift: claims.fpr !== undefined && call.fingerprint !== claims.fpr,
    estimate: call.estimate,
    now: facts.now,
    findings: policyFindings(call, facts, snapshot.detectors(principal.agent)),
  });
}

/**
 * What the policies' own detectors find. Not a filter over all findings: a detector that no policy asks for may cover a match of one
 * that does. Where only built-in ones look, it can only be nothing when nothing was found at all.
 */
function policyFindings(call: Call, facts: Facts, detectors: Detectors): readonly Finding[] {
  if (detectors.all.length === 0 || (facts.findings.length === 0 && detectors.names.every((name) => builtIn.has(name)))) return [];
  return scan(call.arguments, detectors);
}

const builtIn: ReadonlySet<string> = new Set(detectorNames);
