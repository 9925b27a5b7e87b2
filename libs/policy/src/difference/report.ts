import type { Change, ChangeKind, Direction } from "./change.ts";

/** What is said of one change beside whom it is about. */
interface Told {
  readonly kind: ChangeKind;
  readonly direction: Direction;
  readonly tool?: string | undefined;
  readonly action?: string | undefined;
  readonly pointer?: string | undefined;
  readonly shadow?: boolean | undefined;
  readonly before?: string | undefined;
  readonly after?: string | undefined;
  /** What changes, without the call and without what was and is. */
  readonly what: string;
  readonly rules?: { readonly before?: readonly string[]; readonly after?: readonly string[] };
}

export type Tell = (told: Told) => void;

/** Collects changes of one agent. */
export function teller(agent: string, into: Change[]): Tell {
  return ({ kind, direction, tool, action, pointer, shadow, before, after, what, rules }) => {
    const effective = shadow === true ? "changes" : direction;
    into.push({
      kind,
      direction: effective,
      agent,
      ...(tool === undefined ? {} : { tool }),
      ...(action === undefined ? {} : { action }),
      ...(pointer === undefined ? {} : { pointer }),
      ...(shadow === true ? { shadow: true as const } : {}),
      ...(before === undefined ? {} : { before }),
      ...(after === undefined ? {} : { after }),
      text: [
        shadow === true ? "in shadow: " : "",
        tool === undefined ? "" : `${tool}${action === undefined ? "" : `:${action}`} `,
        what,
        way(kind, before, after),
        effective === "tightens" ? " (tighter)" : effective === "loosens" ? " (looser)" : "",
      ].join(""),
      rules: { before: distinct(rules?.before), after: distinct(rules?.after) },
    });
  };
}

function way(kind: ChangeKind, before: string | undefined, after: string | undefined): string {
  if (before !== undefined && after !== undefined) return `: ${before} → ${after}`;
  if (after !== undefined) return kind === "deny" ? "" : `: ${after}`;
  // These say by themselves that something ends.
  if (before === undefined || kind === "action" || kind === "deny") return "";
  return kind === "egress" ? `: ${before}` : `: no longer ${before}`;
}

const distinct = (places: readonly string[] | undefined): string[] => [...new Set(places ?? [])];

/** Two lists that mean the same in any order and however often they say it. */
export const sameSet = (before: readonly string[], after: readonly string[]): boolean => {
  const [a, b] = [new Set(before), new Set(after)];
  return a.size === b.size && [...a].every((one) => b.has(one));
};

/** What is only in one of two lists. */
export const missing = (from: readonly string[], than: readonly string[]): string[] => {
  const known = new Set(than);
  return [...new Set(from)].filter((one) => !known.has(one));
};
