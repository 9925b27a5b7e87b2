/** What part of the policies a change is in. Closed: tools may switch over it. */
export type ChangeKind =
  | "agent"
  | "tool"
  | "action"
  | "deny"
  | "mode"
  | "parameter"
  | "additional_parameters"
  | "condition"
  | "approval"
  | "cost"
  | "durability"
  | "obligations"
  | "purposes"
  | "delegation"
  | "egress"
  | "dlp"
  | "results"
  | "session"
  | "drift"
  | "limits"
  | "rates"
  | "justification"
  | "governance"
  | "catalog"
  | "detectors"
  | "order";

/** `tightens`: some call is refused, asked about, redacted or counted that was not; `loosens`: the reverse; `changes`: both, or neither. */
export type Direction = "tightens" | "loosens" | "changes";

/** One difference between two sets of policies, as a reviewer reads it. */
export interface Change {
  readonly kind: ChangeKind;
  readonly direction: Direction;
  /** An agent, or a prefix ending in `*` for those that are not named; `*` for every agent. */
  readonly agent: string;
  /** Absent: every tool. */
  readonly tool?: string;
  /** A name or a prefix ending in `*`; absent: every action. */
  readonly action?: string;
  /** JSON pointer into the arguments, or into the results. */
  readonly pointer?: string;
  /** It is about rules in shadow: no decision changes by it, only what is reported. */
  readonly shadow?: true;
  /** What is said, in the words of the policy. Absent: there was, or there is, nothing. */
  readonly before?: string;
  readonly after?: string;
  /** One line without the agent: "stripe-payments:create_payment amount: at most 5,000 → 2,000". */
  readonly text: string;
  /** "file:line" of the rules, of the earlier set and of the later one. */
  readonly rules: { readonly before: readonly string[]; readonly after: readonly string[] };
}

/** Both directions at once are neither. */
export function together(directions: readonly Direction[]): Direction {
  const [first, ...others] = new Set(directions);
  return first !== undefined && others.length === 0 ? first : "changes";
}

/** Something that was added or removed, where being there is stricter. */
export const restricts = (before: unknown, after: unknown): Direction =>
  before === undefined ? "tightens" : after === undefined ? "loosens" : "changes";

/** A number that was added, removed or moved, where a lower one is stricter. */
export function ceiling(before: number | undefined, after: number | undefined): Direction {
  return (after ?? Number.POSITIVE_INFINITY) < (before ?? Number.POSITIVE_INFINITY) ? "tightens" : "loosens";
}
