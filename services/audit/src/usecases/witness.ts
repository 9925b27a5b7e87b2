import { cosignedAt } from "@aegis/tlog/cosignature";
import type { VerifierKey } from "@aegis/tlog/note";
import { consistencyProof } from "@aegis/tlog/proof";
import { nodesFromTiles } from "@aegis/tlog/tiles";
import type { Ports, StoredCheckpoint } from "./ports.ts";

type Needs = Pick<Ports, "tree" | "checkpoints" | "cosignatures" | "signals"> & { readonly witnesses: readonly Witness[] };

/** What a witness answered to a checkpoint. */
type Witnessed =
  /** Its signature lines. */
  | { readonly kind: "signed"; readonly lines: readonly string[] }
  /** It saw a tree of this size last. */
  | { readonly kind: "seen"; readonly size: number }
  | { readonly kind: "refused"; readonly why: string };

/** Somebody outside who signs that a checkpoint continues what it saw before (C2SP tlog-witness). */
export interface Witness {
  readonly key: VerifierKey;
  /** Throws `unavailable` when it cannot be reached. */
  add(old: number, proof: readonly Uint8Array[], note: string): Promise<Witnessed>;
}

/**
 * Has each witness sign a tenant's latest checkpoint, once. What a witness refuses is told and asked again with the next checkpoint: a
 * witness that will not follow is how a rewritten ledger shows to those outside.
 */
export function haveWitnessed({ tree, checkpoints, cosignatures, signals, witnesses }: Needs) {
  return async (tenant: string): Promise<void> => {
    const latest = await checkpoints.latest(tenant);
    if (latest === undefined) return;
    for (const { key, add } of witnesses) {
      const old = await cosignatures.last(tenant, key.name);
      if (old >= latest.size) continue;
      const ask = async (from: number) => add(from, await proofFrom(from, latest), latest.note);
      let answer = await ask(old);
      // Its word counts: an answer of its may have been lost, or another instance was first.
      if (answer.kind === "seen" && answer.size <= latest.size) answer = await ask(answer.size);
      const line = answer.kind === "signed" ? answer.lines.find((each) => cosignedAt(latest.note, each, key) !== undefined) : undefined;
      if (line !== undefined) await cosignatures.add({ tenant, size: latest.size, witness: key.name, line });
      else signals.unwitnessed({ tenant, size: latest.size, witness: key.name, why: reason(answer) });
    }
    function proofFrom(from: number, { size }: StoredCheckpoint): Promise<Uint8Array[]> {
      return consistencyProof(
        from,
        size,
        nodesFromTiles((level, index) => tree.tile(tenant, level, index)),
      );
    }
  };
}

function reason(answer: Witnessed): string {
  if (answer.kind === "refused") return answer.why;
  return answer.kind === "seen" ? `it saw ${answer.size} entries last` : "its answer is not its signature over this checkpoint";
}
