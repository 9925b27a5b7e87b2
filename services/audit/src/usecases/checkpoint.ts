import { AegisError } from "@aegis/contracts/errors";
import { openCheckpoint, tenantKey } from "@aegis/tlog/checkpoint";
import { consistencyProof, type TreeHead } from "@aegis/tlog/proof";
import { nodesFromTiles } from "@aegis/tlog/tiles";
import { copies } from "./copies.ts";
import type { Ports, Tree } from "./ports.ts";

type Needs = Pick<Ports, "tree" | "checkpoints" | "archive" | "signer" | "clock" | "signals" | "key">;

/**
 * Has a tenant's ledger signed as it stands, when it grew since the last time. True when a new checkpoint was made.
 * The signer decides what it is consistent with: when it knows of another last size than the database, its word counts.
 */
export function checkpoint(ports: Needs) {
  const { tree, checkpoints, archive, signer, clock, signals } = ports;
  const copy = copies(ports);
  return async (tenant: string): Promise<boolean> => {
    const start = performance.now();
    const head = await tree.head(tenant);
    // Before the row is looked for: a row is always older than its copy.
    const archived = head !== undefined && (await archive.has(tenant, head.size));
    const last = await checkpoints.latest(tenant);
    if (head === undefined || head.size <= (last?.size ?? 0)) return false;
    if (archived) {
      // Making it again would hide that its row was deleted.
      signals.lost({ tenant, size: head.size });
      return false;
    }
    if (last !== undefined) await copy.keep(tenant, last);
    const key = tenantKey(ports.key, tenant);
    const ask = async (from: number) => signer.sign(key.name, { ...head, from, proof: await proofFrom(tree, tenant, from, head) });
    let answer = await ask(Math.min(last?.size ?? 0, head.size));
    // The signer signed more than the database remembers, e.g. when the answer was lost.
    if (!answer.ok && answer.last.size <= head.size) answer = await ask(answer.last.size);
    if (!answer.ok) {
      signals.refused({ tenant, size: head.size, signed: answer.last.size });
      return false;
    }
    const opened = openCheckpoint(answer.note, key);
    if (!opened.ok || opened.checkpoint.size !== head.size) {
      throw new AegisError("internal", `the signer's note for ${tenant} is not signed by the pinned key`);
    }
    const made = { tenant, size: head.size, root: head.root, note: answer.note };
    const { time } = opened.checkpoint;
    // First the row, so that a copy without a row always means that a row was deleted. Another instance may have been first.
    if (!(await checkpoints.add(made, time === undefined ? clock.now() : new Date(time)))) return false;
    await archive.keep(tenant, made);
    signals.checkpointed({ tenant, size: head.size, seconds: (performance.now() - start) / 1000 });
    return true;
  };
}

function proofFrom(tree: Tree, tenant: string, from: number, head: TreeHead): Promise<Uint8Array[]> {
  return consistencyProof(
    from,
    head.size,
    nodesFromTiles((level, index) => tree.tile(tenant, level, index)),
  );
}
