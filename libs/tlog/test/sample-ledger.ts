import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { signCheckpoint } from "../src/checkpoint.ts";
import { columnsOf, encodeLeaf, noPrevious } from "../src/leaf.ts";
import { rawPublicKey, type VerifierKey, verifierKey } from "../src/note.ts";
import { Frontier, leafHash } from "../src/tree.ts";
import type { LedgerCheckpoint, LedgerRow } from "../src/verify-ledger.ts";

/** An event for tests of ledgers. */
function sampleEvent(number: number, tenant: string, producer = "authz-0"): Record<string, unknown> {
  return {
    specversion: "1.0",
    id: `0199a000-0000-7000-8000-${number.toString(16).padStart(12, "0")}`,
    source: `aegis/authz/${producer}`,
    type: "dev.aegis.decision.made.v1",
    time: new Date(Date.UTC(2025, 0, 1) + number).toISOString(),
    datacontenttype: "application/json",
    tenant,
    data: {
      decision: "allow",
      principal: { agent: "finance-agent" },
      tool: "stripe-payments",
      action: "create_payment",
      policyVersion: "7",
      producer: { id: producer, epoch: "e1", sequence: number },
    },
  };
}

/** A well-formed ledger of one tenant, with checkpoints at the sizes asked for: what tests then damage. */
export function sampleLedger({
  tenant = "acme",
  entries = 20,
  checkpointsAt = [20] as readonly number[],
  key = ledgerKey,
  edit = (text: string, _sequence: number) => text,
} = {}): {
  rows: LedgerRow[];
  checkpoints: LedgerCheckpoint[];
  key: VerifierKey;
} {
  const frontier = Frontier.empty();
  const rows: LedgerRow[] = [];
  const checkpoints: LedgerCheckpoint[] = [];
  const verifier = verifierKey("ledger.test", rawPublicKey(key));
  let previous = noPrevious;
  for (let sequence = 0; sequence < entries; sequence += 1) {
    const event = Buffer.from(edit(JSON.stringify(sampleEvent(sequence + 1, tenant)), sequence));
    const recordedAt = new Date(Date.UTC(2025, 0, 2) + sequence).toISOString();
    const subject = `aegis.decision.${tenant}.finance-agent.allow`;
    const leaf = encodeLeaf({ tenant, sequence, previous, recordedAt, kind: "decision", subject, event });
    const columns = columnsOf(leaf);
    if (columns === undefined) throw new Error("the sample is no leaf");
    rows.push({ columns: { ...columns }, leaf, payload: null });
    previous = columns.leaf_hash;
    frontier.append(leafHash(leaf));
    if (checkpointsAt.includes(frontier.size)) {
      const head = { origin: `ledger.test/${tenant}`, size: frontier.size, root: frontier.root() };
      checkpoints.push({ tenant, note: signCheckpoint(head, key) });
    }
  }
  return { rows, checkpoints, key: verifier };
}

const ledgerKey: KeyObject = generateKeyPairSync("ed25519").privateKey;
