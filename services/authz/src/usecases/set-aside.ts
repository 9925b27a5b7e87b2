import { digestOf } from "@aegis/canonical/digest";
import type { Reason } from "@aegis/contracts/reasons";
import type { Charge, Verdict } from "@aegis/policy/input";
import { defaultApproval } from "@aegis/policy/ir";
import type { Budget, Hold, Rates } from "./ports.ts";

/** What a call takes before it goes ahead, or why it cannot. */
export type SetAside =
  /** `verdict` holds the question of a soft threshold when the leave handed in has to answer it. */
  | { readonly kind: "held"; readonly hold: Hold; readonly verdict: Verdict }
  | { readonly kind: "refused"; readonly reason: Reason; readonly retryAfter: number }
  /** Only with a person's leave: the verdict as it is with that question in it. */
  | { readonly kind: "asks"; readonly verdict: Verdict };

const sessionMissing: Reason = { code: "session_flow", message: "a budget per session applies, and the call names no session" };

const nothing: Hold = { reservations: [], commit: () => undefined, giveBack: () => undefined };

/**
 * Takes a place under every rate, then units of every account, or nothing at all. `approved`: a person's leave was handed in with the
 * call, so soft thresholds do not stand in its way; the limits do.
 */
export async function setAside(
  ports: { readonly rates: Rates; readonly budget: Budget },
  call: { readonly tenant: string; readonly decisionId: string; readonly approved: boolean },
  verdict: Verdict,
): Promise<SetAside> {
  const { tenant, decisionId, approved } = call;
  if (verdict.charges.some(({ scope }) => scope.startsWith("session//") || scope === "session/"))
    return { kind: "refused", reason: sessionMissing, retryAfter: 0 };
  const place = verdict.rates.length === 0 ? nothing : await ports.rates.admit(tenant, verdict.rates);
  if ("retryAfter" in place)
    return { kind: "refused", reason: { code: "rate_limited", message: place.message }, retryAfter: place.retryAfter };
  if (verdict.charges.length === 0) return { kind: "held", hold: place, verdict };
  const pending = ports.budget.reserve(tenant, verdict.charges);
  let reserved = pending instanceof Promise ? await pending : pending;
  let judged = verdict;
  if (!reserved.ok && reserved.soft?.action === "approval_needed") {
    // What was asked for already covers the threshold too: a person agreed to exactly this call.
    if (verdict.decision !== "approval_needed") judged = askingFor(verdict, reserved.soft.charge, reserved.message);
    if (!approved) {
      place.giveBack();
      return { kind: "asks", verdict: judged };
    }
    reserved = await ports.budget.reservePastSoft(tenant, decisionId, verdict.charges);
  }
  if (reserved.ok) return { kind: "held", hold: both(place, reserved.hold), verdict: judged };
  place.giveBack();
  const { soft, message, retryAfter } = reserved;
  const code = soft?.action === "throttle" ? "rate_limited" : "budget_exhausted";
  return { kind: "refused", reason: { code, message }, retryAfter };
}

/** The verdict with the question that a soft threshold adds. The approval is for this call and this account, under the same rule. */
function askingFor(verdict: Verdict, { scope, unit, window }: Charge, message: string): Verdict {
  return {
    ...verdict,
    decision: "approval_needed",
    reasons: [...verdict.reasons, { code: "approval_required", message }],
    ruleDigest: digestOf({ past: { scope, unit, window }, rule: verdict.ruleDigest ?? "" }),
    approval: defaultApproval,
    overridable: true,
  };
}

function both(first: Hold, second: Hold): Hold {
  if (first === nothing) return second;
  return {
    reservations: [...first.reservations, ...second.reservations],
    commit() {
      first.commit();
      second.commit();
    },
    giveBack() {
      first.giveBack();
      second.giveBack();
    },
  };
}
