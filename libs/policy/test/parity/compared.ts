import { isDeepStrictEqual } from "node:util";
import type { Reason } from "@aegis/contracts/reasons";
import type { Verdict } from "../../src/input.ts";

/** What both engines must say alike: messages are for people and stay with the native one. */
export const told = ({ decision, reasons, shadow, redactions }: Verdict) => ({
  decision,
  reasons: reasons.map(bare),
  redactions: redactions.map(({ finding, action }) => ({ ...finding, action })),
  ...(shadow && { shadow: { decision: shadow.decision, reasons: shadow.reasons.map(bare) } }),
});

const bare = ({ message: _, ...reason }: Reason) => reason;

/** Whether OPA answers what the native engine decides. */
export const agrees = (verdict: Verdict, answer: unknown): boolean => isDeepStrictEqual(told(verdict), answer);
