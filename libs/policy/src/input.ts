import type { JsonObject } from "@aegis/canonical/ijson";
import type { DecisionName, Reason } from "@aegis/contracts/reasons";
import type { Finding } from "@aegis/dlp/detect";
import type { BudgetUnit, BudgetWindow, Durability, Money } from "./ir.ts";

/** One call, as both engines see it. The same document is OPA's `input`. */
export interface EvaluationInput {
  readonly principal: {
    readonly tenant: string;
    readonly agent: string;
    readonly subject: string;
    /** The actors, newest first; the first is `agent`. */
    readonly chain: readonly string[];
    readonly depth: number;
    /** Items `tool:action` or `tool:*`. */
    readonly scope: readonly string[];
    /** The token's `iat`, in seconds; lets a delegated token be held to the governed lifetime. */
    readonly issuedAt?: number | undefined;
  };
  readonly tool: string;
  readonly action: string;
  readonly arguments: JsonObject;
  readonly destination?: { readonly url: string; readonly method?: string | undefined } | undefined;
  readonly context: {
    readonly purpose?: string | undefined;
    readonly promptId?: string | undefined;
    readonly sessionId?: string | undefined;
  };
  /** What was seen in the session so far; absent where no session is named or nothing asks: then no label and no call was seen. */
  readonly session?: SessionFacts | undefined;
  /** The agent presents another fingerprint than the approved one, or none although one was approved. */
  readonly drift?: boolean | undefined;
  readonly estimate?: { readonly microUsd: number; readonly tokens: number; readonly money?: Money | undefined } | undefined;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** What the detectors of `Snapshot.detectors(agent)` found in `arguments`. */
  readonly findings: readonly Finding[];
}

/** Facts of one session, each once, sorted. They only grow. */
export interface SessionFacts {
  readonly labels: readonly string[];
  /** Calls that were let through, `tool:action`. */
  readonly calls: readonly string[];
}

/** What the policies say. State (budgets, overrides, replay) is the caller's. */
export interface Verdict {
  readonly decision: DecisionName;
  readonly reasons: readonly Reason[];
  /** What to hand to `redact`; also set when approval is needed, for the call that follows it. */
  readonly redactions: readonly Redaction[];
  /** What enforcement of everything in shadow would have said; absent when nothing in shadow applies. */
  readonly shadow?: { readonly decision: DecisionName; readonly reasons: readonly Reason[] } | undefined;
  /** The rule that decided, when one did: an approval binds to it. */
  readonly ruleDigest?: string | undefined;
  /** Set exactly when `decision` is `approval_needed`. */
  readonly approval?: ApprovalNeed | undefined;
  /** True when a person's approval is all that is missing: an override then turns it into allow, or sanitize when there are redactions. */
  readonly overridable: boolean;
  /** What to reserve should the call go ahead; empty for a deny. */
  readonly charges: readonly Charge[];
  /** The accounts whose rates the call has to pass; empty for a deny. */
  readonly rates: readonly string[];
  readonly cost: Cost;
  readonly obligations: readonly string[];
  readonly durability: Durability;
}

/** What a call costs. `money`: the same in the currency it is spent in, and at how many US dollars for one unit of it. */
export interface Cost {
  readonly microUsd: number;
  readonly tokens: number;
  readonly money?: Money & { readonly rate: number };
}

export interface Redaction {
  readonly finding: Finding;
  readonly action: "redact" | "mask" | "hash";
}

export interface ApprovalNeed {
  readonly queue: string;
  readonly quorum: number;
  readonly expiresSeconds: number;
}

/**
 * Units on one account. `scope`: `tenant`, `agent/<a>`, `tool/<t>`, `prompt/<id>` or `prompt/<id>/agent/<a>`, where `<id>` is
 * percent-encoded (`encodeURIComponent`), so that no prompt id can spell another account.
 */
export interface Charge {
  readonly scope: string;
  readonly unit: BudgetUnit;
  readonly window: BudgetWindow;
  readonly units: number;
}
