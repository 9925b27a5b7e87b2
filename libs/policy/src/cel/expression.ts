import type { JsonObject } from "@aegis/canonical/ijson";
import type { ScalarValue } from "../ir.ts";

/** What a CEL expression may speak of: the call's arguments, its destination, who calls, the call's context, the session's facts, the time. */
export type Variable = "args" | "dest" | "agent" | "context" | "session" | "now";

/** What an expression is for: a condition is true or false, a cost is an amount of US dollars from 0. */
export type Want = "condition" | "cost";

/**
 * A CEL expression, parsed, checked and lowered: plain JSON, so that it travels in the bundle and both engines read the same tree.
 * `at` is the offset in `text`, in UTF-16 units, that a run-time error is reported at.
 */
export interface Expression {
  /** As the author wrote it. */
  readonly text: string;
  /** A call of `condition` or `cost`, which makes sure that the value is one. */
  readonly root: Term;
}

export type Term =
  /** Timestamps and durations are milliseconds. */
  | { readonly op: "literal"; readonly at: number; readonly value: ScalarValue }
  | { readonly op: "list"; readonly at: number; readonly items: readonly Term[] }
  | { readonly op: "variable"; readonly at: number; readonly name: Variable }
  /** The element that the enclosing `exists` or `all` names. */
  | { readonly op: "element"; readonly at: number; readonly name: string }
  | { readonly op: "select"; readonly at: number; readonly of: Term; readonly field: string }
  | { readonly op: "index"; readonly at: number; readonly of: Term; readonly key: Term }
  /** A function, method or operator by its CEL name (`_+_`, `size`, `startsWith`, `has`…), or by `operations`' name for what it comes to. */
  | { readonly op: "call"; readonly at: number; readonly name: Operation; readonly args: readonly Term[] }
  | { readonly op: "exists" | "all"; readonly at: number; readonly over: Term; readonly element: string; readonly test: Term };

/** What a call may do. The receiver of a method is the first argument. */
export type Operation =
  | "condition"
  | "cost"
  | "!_"
  | "-_"
  | "_&&_"
  | "_||_"
  | "_?_:_"
  | "_==_"
  | "_!=_"
  | "_<_"
  | "_<=_"
  | "_>_"
  | "_>=_"
  | "_+_"
  | "_-_"
  | "_*_"
  | "_/_"
  | "_%_"
  | "@in"
  | "size"
  | "startsWith"
  | "endsWith"
  | "contains"
  /** The second argument is a literal RE2 pattern. */
  | "matches"
  /** The second argument is the literal name of the member. */
  | "has"
  /** Text of RFC 3339 to milliseconds. */
  | "timestamp"
  /** Sums and differences of milliseconds, within the range of a timestamp or a duration. */
  | "timestamp+"
  | "timestamp-"
  | "duration+"
  | "duration-"
  /** A part of a timestamp; the second argument is a literal time zone. */
  | ClockPart;

export const clockParts = [
  "getFullYear",
  "getMonth",
  "getDate",
  "getDayOfMonth",
  "getDayOfWeek",
  "getHours",
  "getMinutes",
  "getSeconds",
  "getMilliseconds",
] as const;
export type ClockPart = (typeof clockParts)[number];

/** What the variables hold in one call. Members that are not known are absent. */
export interface Environment {
  readonly args: JsonObject;
  readonly dest: { readonly url?: string; readonly host?: string; readonly method?: string; readonly path?: string };
  readonly agent: {
    readonly name: string;
    readonly tenant: string;
    readonly subject: string;
    readonly depth: number;
    readonly chain: readonly string[];
  };
  readonly context: { readonly purpose?: string; readonly prompt_id?: string; readonly session_id?: string };
  readonly session: { readonly labels: readonly string[]; readonly calls: readonly string[] };
  /** Milliseconds since 1970. */
  readonly now: number;
}
