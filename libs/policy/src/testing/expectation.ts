import type { Verdict } from "../input.ts";
import type { TestExpectation } from "../language/policy-test.ts";

/** One thing that is otherwise than a test expects. */
export interface Mismatch {
  readonly what: "decision" | "reasons" | "redactions" | "obligations" | "queue" | "shadow";
  readonly expected: string;
  readonly got: string;
}

/** What of a verdict is otherwise than expected. Only what the expectation speaks of is looked at. */
export function mismatches(expected: TestExpectation, verdict: Verdict): Mismatch[] {
  const found: Mismatch[] = [];
  const compare = (what: Mismatch["what"], wanted: string, got: string) => {
    if (wanted !== got) found.push({ what, expected: wanted, got });
  };
  compare("decision", expected.decision, verdict.decision);
  if (expected.reasons !== undefined) {
    const wanted = expected.reasons;
    // A pointer that the author did not write is not asked for.
    const got = verdict.reasons.map((reason, at) => said(reason, wanted[at] === undefined || wanted[at].pointer !== undefined));
    compare("reasons", list(wanted.map((reason) => said(reason, true))), list(got));
  }
  if (expected.redactions !== undefined) {
    const how = expected.redactions.some(({ action }) => action !== undefined);
    const place = (pointer: string, action: string | undefined) => (how && action !== undefined ? `${action} ${pointer}` : pointer);
    const named = new Set(expected.redactions.filter(({ action }) => action !== undefined).map(({ pointer }) => pointer));
    const got = verdict.redactions.map(({ finding, action }) => place(finding.pointer, named.has(finding.pointer) ? action : undefined));
    compare("redactions", set(expected.redactions.map(({ pointer, action }) => place(pointer, action))), set(got));
  }
  if (expected.obligations !== undefined) compare("obligations", set(expected.obligations), set(verdict.obligations));
  if (expected.queue !== undefined) compare("queue", expected.queue, verdict.approval?.queue ?? "nobody");
  if (expected.shadow !== undefined) compare("shadow", expected.shadow, verdict.shadow?.decision ?? "nothing");
  return found;
}

const said = ({ code, pointer }: { readonly code: string; readonly pointer?: string | undefined }, withPlace: boolean): string =>
  withPlace && pointer !== undefined ? `${code} at ${pointer}` : code;
const list = (items: readonly string[]): string => (items.length === 0 ? "none" : items.join(", "));
const set = (items: readonly string[]): string => list([...new Set(items)].sort());
