import type { JsonObject } from "@aegis/canonical/ijson";
import { AegisError } from "@aegis/contracts/errors";
import type { Reason } from "@aegis/contracts/reasons";
import type { Verdict } from "@aegis/policy/input";
import { defaultApproval } from "@aegis/policy/ir";
import { refuseIncapable } from "#domain/capabilities.ts";
import type { Judgement } from "#domain/decide.ts";
import { boundReasons, type Draft, reasonsAfterApproval, sanitize } from "#domain/draft.ts";
import { hiddenArguments } from "#domain/event.ts";
import type { FailedCalls } from "#domain/failed-calls.ts";
import { chargedToOrganisation } from "#domain/organisation.ts";
import { withheldArguments } from "#domain/personal.ts";
import type { ActivePolicy } from "#domain/policies.ts";
import { type BreakerPorts, breakersOf, passBreakers } from "./pass-breakers.ts";
import type { Approvals, Budget, Clock, EventLog, HashKeyOf, Hold, NewId, Rates } from "./ports.ts";
import type { RecordInSession } from "./session-facts.ts";
import { setAside } from "./set-aside.ts";
import { type Decided, deny, notAcknowledged, type Work } from "./work.ts";

export interface ProceedPorts extends BreakerPorts {
  readonly log: EventLog;
  readonly budget: Budget;
  readonly rates: Rates;
  readonly approvals: Approvals;
  readonly policyOf: (tenant: string) => ActivePolicy | undefined;
  readonly failed: FailedCalls;
  readonly hashKeyOf: HashKeyOf;
  readonly newId: NewId;
  readonly clock: Clock;
}

/** What the policies say of a call. */
export type Judged = Judgement & { kind: "judged" };

/** From the verdict to the decision; undefined when another call of the session was let through meanwhile. */
export async function proceed(
  ports: ProceedPorts,
  work: Work,
  { verdict, policy }: Judged,
  record?: RecordInSession,
): Promise<Decided | undefined> {
  const { call } = work;
  const judged = { policy, verdict };
  const open = breakersOf(ports, work, policy);
  const paused = open.length === 0 ? undefined : await passBreakers(ports, work, open, policy.snapshot.governance.breaker?.rule);
  if (paused) {
    const own = verdict.decision === "deny" ? verdict.reasons : [];
    return { draft: { ...deny(work, ...own, paused.reason), ...judged, retryAfter: paused.retryAfter } };
  }
  if (verdict.decision === "deny") return { draft: { ...deny(work, ...verdict.reasons), ...judged } };
  const again = refuseIncapable(work.caller.can, verdict) ?? tooOften(ports, work, policy);
  if (again) return { draft: { ...deny(work, again), ...judged } };
  if (verdict.durability === "T0" && !call.dryRun && verdict.decision !== "approval_needed" && !ports.log.publishing())
    return { draft: { ...deny(work, notAcknowledged), ...judged } };
  if (verdict.decision !== "approval_needed") return goAhead(ports, work, { verdict, policy }, undefined, record);
  if (call.dryRun || !verdict.overridable) return { draft: { ...askForApproval(ports, work, verdict), ...judged } };
  if (call.overrideToken !== undefined) return goAhead(ports, work, { verdict, policy }, { kind: "override" }, record);
  // People who look for like calls, and the record, know the same arguments: what is hidden of them is found once.
  const held: Work = { ...work, base: { ...work.base, hidden: hiddenArguments(call, work.findings) } };
  const leave = await leaveFor(ports, held, { verdict, policy });
  if (leave === undefined) return { draft: { ...askForApproval(ports, held, verdict), ...judged } };
  return goAhead(ports, held, { verdict, policy }, leave, record);
}

/** What lets a held call pass: the override it came with, or standing leave for calls like it. */
type Leave = { readonly kind: "override" } | { readonly kind: "grant"; readonly grantId: string };

async function leaveFor(
  ports: ProceedPorts,
  { call, base }: Work,
  { verdict, policy }: Pick<Judged, "verdict" | "policy">,
): Promise<Leave | undefined> {
  const { ruleDigest } = verdict;
  if (ruleDigest === undefined) return undefined;
  const { tenant, agent, subject, chain } = base.principal;
  const { tool, action } = call;
  const hidden = base.hidden?.value as JsonObject;
  const personal = policy.snapshot.personal(tool, action);
  const grantId = await ports.approvals.findGrant({
    ...{ tenant, agent, subject, chain, tool, action, ruleDigest },
    arguments: personal === undefined ? hidden : withheldArguments(hidden, personal),
  });
  return grantId === undefined ? undefined : { kind: "grant", grantId };
}

/** What failed again and again is not tried once more as it is. */
function tooOften(ports: ProceedPorts, work: Work, { snapshot }: ActivePolicy): Reason | undefined {
  const { retryUnchanged, rule } = snapshot.governance;
  if (retryUnchanged === undefined) return undefined;
  const { principal, actionDigest } = work.base;
  const times = ports.failed.times({ tenant: principal.tenant, agent: principal.agent, actionDigest }, work.now.getTime());
  if (times <= retryUnchanged) return undefined;
  const message = `exactly this call failed ${times} times within the last hour: change it before it is tried again`;
  return { code: "retry_unchanged", message, ...(rule !== undefined && { rule }) };
}

/** Nothing but rates and budgets, and an approval if one is needed, stands in the way. */
async function goAhead(
  ports: ProceedPorts,
  work: Work,
  { verdict: judgedAs, policy }: Pick<Judged, "verdict" | "policy">,
  leave: Leave | undefined,
  record?: RecordInSession,
): Promise<Decided | undefined> {
  const { call, base } = work;
  const { tenant } = base.principal;
  const sanitized = sanitize(call, judgedAs, ports.hashKeyOf(tenant));
  const shared = chargedToOrganisation(tenant, policy, ports.policyOf, judgedAs.cost);
  if ("code" in shared) return { draft: { ...deny(work, shared), policy, verdict: judgedAs, retryAfter: organisationRetrySeconds } };
  let [verdict, hold]: [Verdict, Hold | undefined] = [
    shared.length === 0 ? judgedAs : { ...judgedAs, charges: [...judgedAs.charges, ...shared] },
    undefined,
  ];
  if (!call.dryRun && (verdict.charges.length > 0 || verdict.rates.length > 0)) {
    const approved = call.overrideToken !== undefined;
    const aside = await setAside(ports, { tenant, decisionId: work.id, approved }, verdict);
    const budgets = () => ports.budget.view(tenant, verdict.charges);
    if (aside.kind === "asks")
      return { draft: { ...askForApproval(ports, work, aside.verdict), policy, verdict: aside.verdict, budgets: budgets() } };
    if (aside.kind === "refused")
      return { draft: { ...deny(work, aside.reason), policy, verdict, retryAfter: aside.retryAfter, budgets: budgets() } };
    [verdict, hold] = [aside.verdict, aside.hold];
    if (ports.clock.now().getTime() >= (work.caller.deadline ?? Number.POSITIVE_INFINITY)) {
      hold.giveBack();
      throw new AegisError("deadline_exceeded", "the call's deadline passed while it waited for its budget");
    }
  }
  const judged = { policy, verdict };
  if (record !== undefined && !call.dryRun) {
    const recorded = await record();
    if (recorded.kind !== "recorded") hold?.giveBack();
    if (recorded.kind === "overtaken") return undefined;
    if (recorded.kind === "refused") return { draft: { ...deny(work, recorded.reason), ...judged, retryAfter: recorded.retryAfter } };
  }
  let spent: Pick<Draft, "overrideOf" | "approvedUntil" | "grantOf"> | undefined;
  if (verdict.decision === "approval_needed") {
    const taken = leave?.kind === "grant" ? await useGrant(ports, work, verdict, leave.grantId) : await redeem(ports, work, verdict);
    if (!taken.ok) {
      hold?.giveBack();
      // Standing leave that is gone is no leave: then people are asked, as without it.
      if (leave?.kind === "grant") return { draft: { ...askForApproval(ports, work, verdict), ...judged } };
      const refused = deny(work, { code: "override_invalid", message: taken.message });
      return { draft: { ...refused, ...judged, approvalRefused: taken.denial } };
    }
    spent = taken.spent;
  }
  const draft: Draft = {
    ...base,
    ...judged,
    decision: sanitized ? "sanitize" : "allow",
    reasons: boundReasons(spent === undefined ? verdict.reasons : reasonsAfterApproval(verdict)),
    ...spent,
    sanitized,
    reservations: hold?.reservations ?? [],
    budgets: ports.budget.view(tenant, verdict.charges),
  };
  return { draft, hold };
}

/** After a publish of the organisation's, its replicas agree within this time. */
const organisationRetrySeconds = 5;

type Taken =
  | { readonly ok: true; readonly spent: Pick<Draft, "overrideOf" | "approvedUntil" | "grantOf"> }
  | { readonly ok: false; readonly message: string; readonly denial?: string };

async function redeem(ports: ProceedPorts, work: Work, verdict: Verdict): Promise<Taken> {
  const redeemed = await ports.approvals.redeem({
    ...{ overrideToken: work.call.overrideToken ?? "", subject: work.base.principal.subject },
    ...bindingOf(work, verdict),
  });
  return redeemed.ok ? { ok: true, spent: { overrideOf: redeemed.approvalId, approvedUntil: redeemed.approvedUntil } } : redeemed;
}

async function useGrant(ports: ProceedPorts, work: Work, verdict: Verdict, grantId: string): Promise<Taken> {
  const used = await ports.approvals.useGrant({ grantId, ...bindingOf(work, verdict) });
  return used.ok ? { ok: true, spent: { grantOf: grantId } } : used;
}

function bindingOf({ id: decisionId, base }: Work, verdict: Verdict) {
  const { tenant, agent, instance } = base.principal;
  return { tenant, agent, instance, actionDigest: base.actionDigest, ruleDigest: verdict.ruleDigest ?? "", decisionId };
}

function askForApproval(ports: ProceedPorts, work: Work, verdict: Verdict): Draft {
  const need = verdict.approval ?? defaultApproval;
  const expiresAt = new Date(work.now.getTime() + need.expiresSeconds * 1000).toISOString();
  return {
    ...deny(work, ...verdict.reasons),
    decision: "approval_needed",
    // A dry run asks nobody for anything.
    approval: work.call.dryRun ? undefined : { id: ports.newId(), queue: need.queue, quorum: need.quorum, expiresAt },
  };
}
