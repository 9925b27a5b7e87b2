import { FailedCalls, type MadeCall } from "#domain/failed-calls.ts";
import type { Revocations } from "#domain/revocations.ts";
import { type AgentRow, Streaks } from "#domain/streaks.ts";
import { type AccessRequests, accessRequests, type Tasks } from "./access-requests.ts";
import { type AdmitHits, admitHits } from "./admit-hits.ts";
import { type AdoptBundle, type AdoptBundlePorts, adoptBundle } from "./adopt-bundle.ts";
import { type AdoptRevocations, adoptRevocations } from "./adopt-revocations.ts";
import { type AnnouncePorts, announceActivation } from "./announce-activation.ts";
import { authenticateAgent } from "./authenticate.ts";
import { type Check, type CheckPorts, checkCall } from "./check.ts";
import { checkBatch } from "./check-batch.ts";
import { type CheckResult, checkResult } from "./check-result.ts";
import { type MayAct, mayAct } from "./may-act.ts";
import { streakOf } from "./pass-breakers.ts";
import type {
  AuthnFailures,
  CheckSignals,
  OtherReplicas,
  PolicySignals,
  Proofs,
  RevocationCache,
  RevocationSnapshots,
  Tokens,
} from "./ports.ts";
import { recentDecisions } from "./recent-decisions.ts";
import { type ReportOutcome, reportOutcome } from "./report-outcome.ts";

/** Everything authz needs from the world. */
export interface AuthzPorts
  extends Omit<CheckPorts, "authenticate" | "policyOf" | "recent" | "failed" | "streaks" | "signals">,
    Omit<AdoptBundlePorts, "cache" | "signals" | "announce">,
    Pick<AnnouncePorts, "replica"> {
  readonly tokens: Tokens;
  readonly tasks: Tasks;
  readonly proofs: Proofs;
  readonly failures: AuthnFailures;
  readonly otherReplicas: OtherReplicas;
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
  readonly checkResult: CheckResult;
  readonly reportOutcome: ReportOutcome;
  readonly mayAct: MayAct;
  readonly accessRequests: AccessRequests;
  readonly admitHits: AdmitHits;
  /** Another replica was told that a call failed. */
  readonly failedElsewhere: (call: MadeCall) => void;
  readonly streakElsewhere: (row: AgentRow) => void;
  readonly policies: AdoptBundle;
  readonly revocations: AdoptRevocations;
}

/** The use cases, tied together. */
export function authz(ports: AuthzPorts): Authz {
  const { check: checkSignals, policy: policySignals } = ports.signals;
  const announce = announceActivation({ ...ports, signals: policySignals });
  const policies = adoptBundle({ ...ports, cache: ports.policyCache, signals: policySignals, announce });
  const authenticate = authenticateAgent({ ...ports, signals: checkSignals });
  const recent = recentDecisions(ports);
  const [failed, streaks] = [new FailedCalls(), new Streaks()];
  const check = checkCall({ ...ports, authenticate, recent, failed, streaks, policyOf: policies.policyOf, signals: checkSignals });
  const may = mayAct({ ...ports, authenticate, policyOf: policies.policyOf });
  return {
    check,
    checkBatch: checkBatch(check),
    checkResult: checkResult({ ...ports, authenticate, recent, policyOf: policies.policyOf, signals: checkSignals }),
    reportOutcome: reportOutcome({ ...ports, authenticate, recent, failed, streaks, policyOf: policies.policyOf }),
    mayAct: may,
    admitHits: admitHits({ rates: ports.rates, mayAct: may }),
    accessRequests: accessRequests({ tasks: ports.tasks, mayAct: may }),
    failedElsewhere: (call) => failed.failed(call, ports.clock.now().getTime()),
    streakElsewhere: ({ tenant, agent, by, ...row }) => streaks.heard(streakOf(tenant, agent), by, row, ports.clock.now().getTime()),
    policies,
    revocations: adoptRevocations({ ...ports, cache: ports.revocationCache }),
  };
}
