import type { Term } from "./expression.ts";
import type { Kind, Shape } from "./shape.ts";

/** A term, and what is known of it before any call. */
export interface Checked {
  readonly term: Term;
  readonly shape: Shape;
  /** Where the author wrote it. */
  readonly at: number;
  /** Its value may come from arithmetic that rounds: it may be ordered, and never tested for equality. */
  readonly rounded: boolean;
  /** It may be as large as the arguments are, and is the same for each element. */
  readonly large: boolean;
  /** It depends on the element of an enclosing `exists` or `all`. */
  readonly bound: boolean;
}

/** Reports faults and stands for the places of the text. */
export type Report = (offset: number, message: string, hint: string) => void;

/** Thrown where nothing more can be said of the surrounding term. The fault is reported already. */
export class Unreadable extends Error {}

/** What follows from the parts of a term when it is computed from all of them. */
export function from(parts: readonly Checked[], term: Term, kind: Kind): Checked {
  return { term, shape: { kind }, at: term.at, rounded: false, large: false, bound: parts.some(({ bound }) => bound) };
}
