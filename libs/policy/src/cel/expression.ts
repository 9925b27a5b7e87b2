import type { ScalarValue } from "../ir.ts";

/** What a CEL expression may speak of: the call's arguments, its destination, who calls, the call's context, the session's facts, the time. */
export type Variable = "args" | "dest" | "agent" | "context" | "session" | "now";

/**
 * A CEL expression, parsed, checked and lowered: plain JSON, so that it travels in the bundle and both engines read the same tree.
 * `at` is the offset in `text`, in UTF-16 units, that a run-time error is reported at.
 */
export interface Expression {
  /** As the author wrote it. */
  readonly text: string;
  readonly root: Term;
}

export type Term =
  | { readonly op: "literal"; readonly at: number; readonly value: ScalarValue }
  | { readonly op: "list"; readonly at: number; readonly items: readonly Term[] }
  | { readonly op: "variable"; readonly at: number; readonly name: Variable }
  /** The element that the enclosing `exists` or `all` names. */
  | { readonly op: "element"; readonly at: number; readonly name: string }
  | { readonly op: "select"; readonly at: number; readonly of: Term; readonly field: string }
  | { readonly op: "index"; readonly at: number; readonly of: Term; readonly key: Term }
  /** A function, method or operator by its CEL name (`_+_`, `size`, `startsWith`, `has`…). */
  | { readonly op: "call"; readonly at: number; readonly name: string; readonly args: readonly Term[] }
  | { readonly op: "exists" | "all"; readonly at: number; readonly over: Term; readonly element: string; readonly test: Term };
