import { type Lineage, lineage } from "#domain/lineage.ts";
import type { Recorded } from "#domain/recorded.ts";
import type { Entries, Ports } from "./ports.ts";
import { recall } from "./recall.ts";

/** Entries that one drawing looks at. */
const maxEntries = 20_000;

/** Decisions whose outcomes are asked for at once. */
const group = 500;

export interface Graph extends Lineage {
  readonly kind: "session" | "prompt";
  readonly id: string;
  readonly tenant: string;
  /** False when there are more entries than one drawing looks at: then the oldest are left out. */
  readonly complete: boolean;
}

/** Who delegated to whom in a session or under a prompt, and what each asked for. */
export function graph({ entries }: Pick<Ports, "entries">) {
  return async (tenant: string, kind: Graph["kind"], id: string): Promise<Graph> => {
    const { records, complete } = await recall(entries, tenant, { [kind]: id }, maxEntries);
    const drawn = lineage([...records, ...(await outcomesOf(entries, tenant, records))]);
    return { kind, id, tenant, ...drawn, complete };
  };
}

/** Outcomes name their decision, not its session. */
async function outcomesOf(entries: Entries, tenant: string, decisions: readonly Recorded[]): Promise<Recorded[]> {
  const found: Recorded[] = [];
  for (let at = 0; at < decisions.length; at += group) {
    const about = decisions.slice(at, at + group).map(({ id }) => id);
    found.push(...(await recall(entries, tenant, { kind: "outcome", about }, 4 * group)).records);
  }
  return found;
}
