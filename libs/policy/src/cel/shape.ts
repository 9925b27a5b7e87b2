import type { Variable } from "./expression.ts";

/** What is known of a value before any call. `any` is whatever JSON holds. */
export type Kind = "any" | "boolean" | "number" | "string" | "null" | "list" | "map" | "timestamp" | "duration";

export interface Shape {
  readonly kind: Kind;
  /** Of a map whose members are all known. */
  readonly fields?: Readonly<Record<string, Shape>>;
  /** Of a list. */
  readonly items?: Shape;
}

export const any: Shape = { kind: "any" };
const number: Shape = { kind: "number" };
const string: Shape = { kind: "string" };
const strings: Shape = { kind: "list", items: string };

/** What expressions may speak of. Only `args` is of any shape. */
export const variables: Readonly<Record<Variable, Shape>> = {
  args: { kind: "map" },
  dest: { kind: "map", fields: { url: string, host: string, method: string, path: string } },
  agent: { kind: "map", fields: { name: string, tenant: string, subject: string, depth: number, chain: strings } },
  context: { kind: "map", fields: { purpose: string, prompt_id: string, session_id: string } },
  session: { kind: "map", fields: { labels: strings, calls: strings } },
  now: { kind: "timestamp" },
};

/** Whether a value of this kind may turn out to be one of those. */
export const maybe = (kind: Kind, ...kinds: readonly Kind[]): boolean => kind === "any" || kinds.includes(kind);

/** A kind, for people. */
export const called: Readonly<Record<Kind, string>> = {
  any: "a value",
  boolean: "true or false",
  number: "a number",
  string: "text",
  null: "null",
  list: "a list",
  map: "a map",
  timestamp: "a time",
  duration: "a duration",
};
