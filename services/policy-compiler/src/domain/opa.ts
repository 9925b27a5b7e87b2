/** What an OPA said of itself when it last did. Times are milliseconds since 1970. */
export interface OpaInstance {
  /** The id that it gives itself at each start. */
  readonly instance: string;
  /** Who presented the token. */
  readonly reportedBy: string;
  readonly version: string;
  /** Of the bundle that is active there. */
  readonly revision: number | undefined;
  /** Why it could not take the newest. */
  readonly error: string | undefined;
  readonly reportedAt: number;
}

/** A decision that an OPA reports having made. Its arguments are left out: they may hold what no record may. */
export interface OpaDecision {
  readonly decisionId: string;
  readonly instance: string;
  /** Of the rule that was asked for, e.g. "aegis/decision". */
  readonly path: string;
  readonly agent: string | undefined;
  readonly tool: string | undefined;
  readonly action: string | undefined;
  readonly decision: string | undefined;
  readonly reasons: readonly string[];
  readonly revision: number | undefined;
  readonly decidedAt: number;
}
