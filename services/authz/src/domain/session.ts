import type { SessionFacts } from "@aegis/policy/input";
import { callName } from "@aegis/policy/session";

/** What was seen in a session, and which writing of it that is; 0 for a session that nothing was seen in. */
export interface SessionState {
  readonly facts: SessionFacts;
  readonly revision: number;
}

/** More different calls and labels than any session has. */
const mostFacts = 1_000;
const mostCharacters = 64 * 1024;

/** What was seen in a session once a call was let through; undefined when that is more than is kept. */
export function factsAfter(
  { labels, calls }: SessionFacts,
  call: { readonly tool: string; readonly action: string },
  own: readonly string[],
): SessionFacts | undefined {
  const facts = { labels: sorted([...labels, ...own]), calls: sorted([...calls, callName(call.tool, call.action)]) };
  const all = [...facts.labels, ...facts.calls];
  if (all.length > mostFacts || all.reduce((length, each) => length + each.length, 0) > mostCharacters) return undefined;
  return facts;
}

const sorted = (all: readonly string[]): string[] => [...new Set(all)].sort();
