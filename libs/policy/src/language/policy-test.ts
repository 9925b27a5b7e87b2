import type { JsonObject } from "@aegis/canonical/ijson";
import type { DecisionName, ReasonCode } from "@aegis/contracts/reasons";
import type { Money } from "../ir.ts";

/**
 * A `kind: PolicyTest` document: calls, and what the policies must say of them. It decides nothing and is no part of the
 * bundle or its digest: `compile` gives tests beside the policies.
 */
export interface PolicyTest {
  readonly name: string;
  /** "file:line" of the document. */
  readonly rule: string;
  readonly cases: readonly PolicyTestCase[];
}

export interface PolicyTestCase {
  readonly name: string;
  /** "file:line" of the case. */
  readonly rule: string;
  readonly call: TestCall;
  readonly expect: TestExpectation;
}

/** A call as an author writes it: what is left out is what a plain call of the agent itself would have. */
export interface TestCall {
  readonly agent: string;
  readonly tool: string;
  readonly action: string;
  readonly arguments: JsonObject;
  /** Written as a URL alone or as `{ url, method }`. */
  readonly destination?: { readonly url: string; readonly method?: string };
  readonly context: { readonly purpose?: string; readonly promptId?: string; readonly sessionId?: string };
  readonly session?: { readonly labels: readonly string[]; readonly calls: readonly string[] };
  /** The actors, newest first; the first is `agent`, which alone it is when nothing is written. */
  readonly chain: readonly string[];
  /** On whose behalf; the last of the chain when nothing is written. */
  readonly subject?: string;
  /** What the token covers, items `tool:action` or `tool:*`; every call when absent. */
  readonly scope?: readonly string[];
  /** The agent is not what was approved. */
  readonly drift?: boolean;
  readonly estimate?: { readonly microUsd: number; readonly tokens: number; readonly money?: Money };
  /** Milliseconds since 1970; absent: when the test runs. */
  readonly now?: number;
}

/** Only what is written is compared. Lists are whole and in any order, except `reasons`, which come in source order. */
export interface TestExpectation {
  readonly decision: DecisionName;
  readonly reasons?: readonly { readonly code: ReasonCode; readonly pointer?: string }[];
  /** What is taken out of the arguments: the places, and how when it is written. */
  readonly redactions?: readonly { readonly pointer: string; readonly action?: "redact" | "mask" | "hash" }[];
  readonly obligations?: readonly string[];
  /** The queue that is asked. */
  readonly queue?: string;
  /** What everything in shadow together would have said. */
  readonly shadow?: DecisionName;
}
