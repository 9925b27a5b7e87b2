import { generateKeyPairSync } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { sampleLedger } from "../test/sample-ledger.ts";
import { rawPublicKey, verifierKey } from "./note.ts";
import { consistencyProof, inclusionProof } from "./proof.ts";
import { checkProofFile } from "./proof-file.ts";
import { formatProof, type Receipt, receiptFormat, verifyReceipt } from "./receipt.ts";
import { Frontier, leafHash, nodeHash } from "./tree.ts";

const size = 37;
const ledger = sampleLedger({ entries: size, checkpointsAt: [size] });
const leaves = ledger.rows.map((row) => leafHash(row.leaf));

/** The hash of a perfect subtree, computed anew from the leaves. */
const read = async (height: number, index: number): Promise<Uint8Array> =>
  height === 0 ? (leaves[index] as Uint8Array) : nodeHash(await read(height - 1, 2 * index), await read(height - 1, 2 * index + 1));

async function receiptOf(index: number): Promise<Receipt> {
  const row = ledger.rows[index];
  const proof = formatProof(index, await inclusionProof(index, size, read), ledger.checkpoints[0]?.note ?? "");
  return {
    format: receiptFormat,
    tenant: "acme",
    id: String(row?.columns.id),
    leaf: Buffer.from(row?.leaf ?? []).toString("base64"),
    proof,
  };
}

test("every entry's receipt holds under the ledger's key, and says which entry it is", async () => {
  for (let index = 0; index < size; index++) {
    const receipt = JSON.parse(JSON.stringify(await receiptOf(index)));
    expect(verifyReceipt(receipt, ledger.key)).toMatchObject({ ok: true, size, entry: { sequence: index, tenant: "acme" } });
  }
});

test("no receipt holds under another key, for another tenant, entry or leaf, or with any character of its proof changed", async () => {
  const receipt = await receiptOf(5);
  const other = verifierKey("ledger.test", rawPublicKey(generateKeyPairSync("ed25519").privateKey));
  expect(verifyReceipt(receipt, other)).toMatchObject({ ok: false });
  expect(verifyReceipt({ ...receipt, tenant: "other" }, ledger.key)).toMatchObject({ ok: false });
  expect(verifyReceipt({ ...receipt, id: (await receiptOf(6)).id }, ledger.key)).toMatchObject({ ok: false });
  expect(verifyReceipt({ ...(await receiptOf(6)), proof: receipt.proof }, ledger.key)).toMatchObject({ ok: false });
  for (let at = 0; at < receipt.proof.length; at++) {
    const flipped = receipt.proof[at] === "A" ? "B" : "A";
    const proof = receipt.proof.slice(0, at) + flipped + receipt.proof.slice(at + 1);
    expect(verifyReceipt({ ...receipt, proof }, ledger.key), `character ${at}`).toMatchObject({ ok: false });
  }
  const leaf = Buffer.from(receipt.leaf, "base64");
  for (let at = 0; at < leaf.length; at += 7) {
    const changed = Buffer.from(leaf);
    changed[at] = (changed[at] as number) ^ 1;
    expect(verifyReceipt({ ...receipt, leaf: changed.toString("base64") }, ledger.key)).toMatchObject({ ok: false });
  }
});

test("whatever it is given, checking a receipt or a proof throws nothing and accepts nothing", () => {
  const members = fc.record({
    format: fc.constant(receiptFormat),
    tenant: fc.string(),
    id: fc.string(),
    leaf: fc.string(),
    proof: fc.string(),
  });
  fc.assert(fc.property(fc.oneof(fc.anything(), members), (value) => void expect(verifyReceipt(value, ledger.key).ok).toBe(false)));
  fc.assert(fc.property(fc.anything(), (value) => void expect(checkProofFile(value)).not.toMatchObject({ ok: true })));
});

test("a proof in a file holds, and does not once a hash, a number or the order is changed", async () => {
  const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
  const tree = Frontier.empty();
  const roots = leaves.map((leaf) => {
    tree.append(leaf);
    return base64(tree.root());
  });
  for (const [index, leaf] of leaves.entries()) {
    const proof = (await inclusionProof(index, size, read)).map(base64);
    const file = { leafIdx: index, treeSize: size, leafHash: base64(leaf), root: roots[size - 1], proof };
    expect(checkProofFile(file)).toEqual({ kind: "inclusion", ok: true });
    for (const change of [{ leafIdx: index + 1 }, { leafIdx: 0.5 }, { root: roots[3] }, { proof: proof.slice(1) }, { leafHash: "?" }])
      expect(checkProofFile({ ...file, ...change })).toMatchObject({ ok: false });
    const consistency = (await consistencyProof(index + 1, size, read)).map(base64);
    const older = {
      size1: index + 1,
      size2: size,
      root1: roots[index],
      root2: roots[size - 1],
      proof: index + 1 === size ? null : consistency,
    };
    expect(checkProofFile(older)).toEqual({ kind: "consistency", ok: true });
    if (index + 1 < size) expect(checkProofFile({ ...older, root1: roots[size - 1] })).toMatchObject({ ok: false });
  }
  expect(checkProofFile({ size: 3 })).toMatchObject({ kind: "unknown" });
});
