import type { Revocations } from "#domain/revocations.ts";
import { type AdoptBundle, type AdoptBundlePorts, adoptBundle } from "./adopt-bundle.ts";
import { type AdoptRevocations, adoptRevocations } from "./adopt-revocations.ts";
import { authenticateAgent } from "./authenticate.ts";
import { type Check, type CheckPorts, checkCall } from "./check.ts";
import { checkBatch } from "./check-batch.ts";
import type { AuthnFailures, CheckSignals, PolicySignals, RevocationCache, RevocationSnapshots, Tokens } from "./ports.ts";
import { recentDecisions } from "./recent-decisions.ts";
import { type ReportOutcome, reportOutcome } from "./report-outcome.ts";

/** Everything authz needs from the world. */
export interface AuthzPorts
  extends Omit<CheckPorts, "authenticate" | "policyOf" | "recent" | "signals">,
    Omit<AdoptBundlePorts, "cache" | "signals"> {
  readonly tokens: Tokens;
  readonly failures: AuthnFailures;
  readonly policyCache: PolicyCache;
  readonly revocationCache: RevocationCache;
  readonly snapshots: RevocationSnapshots;
  readonly revocations: Revocations;
  readonly signals: { readonly check: CheckSignals; readonly policy: PolicySignals };
}

type PolicyCache = AdoptBundlePorts["cache"];

export interface Authz {
  readonly check: Check;
  readonly checkBatch: ReturnType<typeof checkBatch>;
  readonly reportOutcome: ReportOutcome;
  readonly policies: AdoptBundle;
  readonly revocations: AdoptRevocations;
}

/** The use cases, tied together. */
export function authz(ports: AuthzPorts): Authz {
  const { check: checkSignals, policy: policySignals } = ports.signals;
  const policies = adoptBundle({ ...ports, cache: ports.policyCache, signals: policySignals });
  const authenticate = authenticateAgent({ tokens: ports.tokens, failures: ports.failures, signals: checkSignals });
  const recent = recentDecisions(ports);
  const check = checkCall({ ...ports, authenticate, recent, policyOf: policies.policyOf, signals: checkSignals });
  return {
    check,
    checkBatch: checkBatch(check),
    reportOutcome: reportOutcome({ ...ports, authenticate, recent }),
    policies,
    revocations: adoptRevocations({ ...ports, cache: ports.revocationCache }),
  };
}
