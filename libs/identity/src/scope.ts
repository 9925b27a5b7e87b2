import { AegisError } from "@aegis/contracts/errors";
import { toolPattern } from "@aegis/contracts/name-patterns";

/**
 * A scope: items `tool:action` or `tool:*`, each in its one canonical spelling, sorted, without repeats.
 * Exactly one colon separates tool and action; a colon inside a name is spelled `%3A`, so that
 * (`a:b`, `c`) and (`a`, `b:c`) are different items and neither is covered by a grant on the other's tool.
 */
export type Scope = readonly string[];

/** The most items one scope may hold. */
export const maxScopeItems = 256;

/**
 * Reads an OAuth `scope` parameter (RFC 6749 §3.3: items separated by one space). The empty string is the empty scope.
 *
 * @throws AegisError `invalid_argument` naming the item that is not `tool:action` or `tool:*`.
 */
export function parseScope(text: string): Scope {
  return normalizeScope(text === "" ? [] : text.split(" "));
}

/** Items to a scope: checked, sorted, without repeats. @throws AegisError `invalid_argument`. */
export function normalizeScope(items: readonly string[]): Scope {
  if (items.length > maxScopeItems) throw new AegisError("invalid_argument", `a scope holds at most ${maxScopeItems} items`);
  for (const item of items) {
    if (!isScopeItem(item)) {
      throw new AegisError("invalid_argument", `${JSON.stringify(item.slice(0, 80))} is not a scope item: write tool:action or tool:*`);
    }
  }
  return [...new Set(items)].sort();
}

/** Whether a text is one scope item in its canonical spelling. A tool is never a wildcard and a `*` is never part of a name. */
export function isScopeItem(text: string): boolean {
  const parts = text.split(":");
  return parts.length === 2 && isEncodedName(parts[0]!) && (parts[1] === "*" || isEncodedName(parts[1]!));
}

/** The item for one tool and one action as a call names them. */
export const scopeItem = (tool: string, action: string): string => `${encodeName(tool)}:${encodeName(action)}`;

/** The item for every action of a tool. */
export const toolScope = (tool: string): string => `${encodeName(tool)}:*`;

export const formatScope = (scope: Scope): string => scope.join(" ");

/** Whether every item of `wanted` lies within `granted`. */
export function covers(granted: Scope, wanted: Scope): boolean {
  return uncovered(granted, wanted).length === 0;
}

/** The items of `wanted` that `granted` does not cover. */
export function uncovered(granted: Scope, wanted: Scope): Scope {
  const held = new Set(granted);
  return wanted.filter((item) => !isScopeItem(item) || !(held.has(item) || held.has(`${item.slice(0, item.indexOf(":"))}:*`)));
}

/** Whether a scope permits one call. */
export function permits(granted: Scope, tool: string, action: string): boolean {
  if (!toolPattern.test(tool) || !toolPattern.test(action)) return false;
  return covers(granted, [scopeItem(tool, action)]);
}

/** What both scopes permit. */
export function intersect(a: Scope, b: Scope): Scope {
  const both = [...a.filter((item) => covers(b, [item])), ...b.filter((item) => covers(a, [item]))];
  return [...new Set(both)].sort();
}

const encodeName = (name: string): string => name.replaceAll(":", "%3A");

function isEncodedName(text: string): boolean {
  const name = text.replaceAll("%3A", ":");
  return toolPattern.test(name) && encodeName(name) === text;
}
