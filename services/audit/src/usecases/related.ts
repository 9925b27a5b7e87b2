import type { Ports, StoredEntry } from "./ports.ts";

/** Entries that belong to a decision, at most so many. */
const most = 100;

export interface Related {
  /** Ascending: its outcome, checks of its result, what people decided about its approval, the decision that an override let through. */
  readonly entries: readonly StoredEntry[];
  /** How often its agent had asked for the very same call in its session before, when it says its session; at most 100. */
  readonly sameCallBefore: number | undefined;
}

/** What else the ledger says about an entry. */
export function related({ entries }: Pick<Ports, "entries">) {
  return async (tenant: string, { columns }: StoredEntry): Promise<Related> => {
    const { id, about, sequence, agent, session, action_digest: digest } = columns;
    const subjects = about === null ? [id] : [id, about];
    const found = await entries.find(tenant, { about: subjects }, most);
    const named = about === null ? [] : await entries.find(tenant, { id: about }, 1);
    const others = [...named, ...found].filter((entry) => entry.columns.id !== id);
    const before =
      session === null || digest === null || agent === null
        ? undefined
        : await entries.find(tenant, { kind: "decision", session, digest, agent, before: sequence }, most);
    return { entries: others.sort((a, b) => a.columns.sequence - b.columns.sequence), sameCallBefore: before?.length };
  };
}
