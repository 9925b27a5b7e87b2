import { isDeepStrictEqual } from "node:util";
import { parseIJson } from "@aegis/canonical/ijson";
import type { Reason } from "@aegis/contracts/reasons";
import type { Snapshot } from "../../src/engine/snapshot.ts";
import type { EvaluationInput, Verdict } from "../../src/input.ts";

/** What both engines must say alike: messages are for people and stay with the native one. */
export const told = ({ decision, reasons, shadow, redactions }: Verdict) => ({
  decision,
  reasons: reasons.map(bare),
  redactions: redactions.map(({ finding, action }) => ({ ...finding, action })),
  ...(shadow && { shadow: { decision: shadow.decision, reasons: shadow.reasons.map(bare) } }),
});

const bare = ({ message: _, ...reason }: Reason) => reason;

/** A call that authz reads, and its verdict; `undefined`: it reads none. */
export type Decided = { readonly input: EvaluationInput; readonly verdict: Verdict } | undefined;

/** @throws Error where the native engine does. */
export function decided(snapshot: Snapshot, text: string): Decided {
  let input: EvaluationInput;
  try {
    input = parseIJson(text) as unknown as EvaluationInput;
  } catch {
    return undefined;
  }
  try {
    return { input, verdict: snapshot.evaluate(input) };
  } catch (cause) {
    throw new Error(`the native engine throws on ${text}`, { cause });
  }
}

/** OPA's answer to what is no call. */
const refused = { decision: "deny", reasons: [{ code: "internal" }], redactions: [] };

/** Whether OPA answers what authz does, as JSON: there, zero has no sign. */
export const agrees = (native: Decided, answer: unknown): boolean =>
  isDeepStrictEqual(JSON.parse(JSON.stringify(native ? told(native.verdict) : refused)), answer);
