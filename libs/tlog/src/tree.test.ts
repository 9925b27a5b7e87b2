import fc from "fast-check";
import { expect, test } from "vitest";
import vectors from "../../../vectors/tlog/tree.json" with { type: "json" };
import { consistencyProof, inclusionProof, type NodeReader, rootAt, verifyConsistency, verifyInclusion } from "./proof.ts";
import { emptyRoot, Frontier, leafHash } from "./tree.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const unhex = (text: string): Uint8Array => Buffer.from(text, "hex");

/** A tree that remembers every perfect subtree. */
function remembered(leaves: readonly Uint8Array[]): { read: NodeReader; frontier: Frontier; roots: Uint8Array[] } {
  const nodes = new Map<string, Uint8Array>();
  const frontier = Frontier.empty();
  const roots = [frontier.root()];
  for (const leaf of leaves) {
    frontier.append(leafHash(leaf), (height, index, hash) => nodes.set(`${height}/${index}`, hash));
    roots.push(frontier.root());
  }
  const read: NodeReader = async (height, index) => {
    const node = nodes.get(`${height}/${index}`);
    if (node === undefined) throw new Error(`read of incomplete node ${height}/${index}`);
    return node;
  };
  return { read, frontier, roots };
}

const numbered = (count: number): Uint8Array[] => Array.from({ length: count }, (_, at) => Buffer.from(`leaf ${at}`));

test("the roots of the Certificate Transparency test tree come out", () => {
  const { roots } = remembered(vectors.leaves.map(unhex));
  expect(roots.map(hex)).toEqual(vectors.roots);
});

test.each(vectors.inclusion)("inclusion of leaf $index in $size has the known path and verifies", async ({ index, size, proof }) => {
  const { read, roots } = remembered(vectors.leaves.map(unhex));
  expect((await inclusionProof(index, size, read)).map(hex)).toEqual(proof);
  const leaf = leafHash(unhex(vectors.leaves[index] as string));
  expect(verifyInclusion(index, leaf, proof.map(unhex), { size, root: roots[size] as Uint8Array })).toBe(true);
});

test.each(vectors.consistency)("consistency of $from with $to has the known path and verifies", async ({ from, to, proof }) => {
  const { read, roots } = remembered(vectors.leaves.map(unhex));
  expect((await consistencyProof(from, to, read)).map(hex)).toEqual(proof);
  const [older, newer] = [
    { size: from, root: roots[from] as Uint8Array },
    { size: to, root: roots[to] as Uint8Array },
  ];
  expect(verifyConsistency(older, newer, proof.map(unhex))).toBe(true);
});

test("every proof of every tree up to 70 leaves verifies, and at no other place", async () => {
  const { read, roots } = remembered(numbered(70));
  for (let size = 1; size <= 70; size += 1) {
    const head = { size, root: roots[size] as Uint8Array };
    expect(hex(await rootAt(size, read))).toBe(hex(head.root));
    for (let index = 0; index < size; index += 1) {
      const proof = await inclusionProof(index, size, read);
      const leaf = await read(0, index);
      expect(verifyInclusion(index, leaf, proof, head)).toBe(true);
      expect(verifyInclusion((index + 1) % size, leaf, proof, head)).toBe(size === 1);
      expect(verifyInclusion(index, leaf, [...proof, leaf], head)).toBe(false);
      expect(verifyInclusion(index, leaf, proof.slice(1), head)).toBe(proof.length === 0);
    }
    for (let from = 0; from <= size; from += 1) {
      const older = { size: from, root: roots[from] as Uint8Array };
      const proof = await consistencyProof(from, size, read);
      expect(verifyConsistency(older, head, proof)).toBe(true);
      expect(verifyConsistency(older, head, [...proof, emptyRoot])).toBe(false);
      if (proof.length > 0) expect(verifyConsistency(older, head, proof.slice(0, -1))).toBe(false);
      if (from > 0 && from < size) expect(verifyConsistency({ size: from, root: roots[from - 1] as Uint8Array }, head, proof)).toBe(false);
    }
  }
}, 60_000);

test("one flipped bit anywhere spoils a proof", async () => {
  const { read, roots } = remembered(numbered(100));
  const flip = (bytes: Uint8Array, bit: number): Uint8Array => {
    const copy = Uint8Array.from(bytes);
    copy[bit >> 3] = (copy[bit >> 3] as number) ^ (1 << (bit & 7));
    return copy;
  };
  await fc.assert(
    fc.asyncProperty(fc.nat(98), fc.integer({ min: 2, max: 100 }), fc.nat(255), fc.nat(10), async (index, size, bit, which) => {
      fc.pre(index < size - 1);
      const head = { size, root: roots[size] as Uint8Array };
      const inclusion = await inclusionProof(index, size, read);
      const spoilt = inclusion.map((hash, at) => (at === which % inclusion.length ? flip(hash, bit) : hash));
      expect(verifyInclusion(index, await read(0, index), spoilt, head)).toBe(false);
      expect(verifyInclusion(index, flip(await read(0, index), bit), inclusion, head)).toBe(false);
      const older = { size: index + 1, root: roots[index + 1] as Uint8Array };
      const consistency = await consistencyProof(index + 1, size, read);
      const broken = consistency.map((hash, at) => (at === which % consistency.length ? flip(hash, bit) : hash));
      expect(verifyConsistency(older, head, broken)).toBe(false);
      expect(verifyConsistency({ ...older, root: flip(older.root, bit) }, head, consistency)).toBe(false);
    }),
    { numRuns: 300 },
  );
});

test("a frontier survives being written down at any size", () => {
  fc.assert(
    fc.property(fc.nat(600), fc.nat(40), (first, more) => {
      const straight = Frontier.empty();
      for (const leaf of numbered(first + more)) straight.append(leafHash(leaf));
      const begun = Frontier.empty();
      for (const leaf of numbered(first)) begun.append(leafHash(leaf));
      const resumed = Frontier.fromBytes(first, begun.toBytes());
      for (const leaf of numbered(first + more).slice(first)) resumed.append(leafHash(leaf));
      expect(hex(resumed.root())).toBe(hex(straight.root()));
    }),
    { numRuns: 50 },
  );
  expect(() => Frontier.fromBytes(3, new Uint8Array(32))).toThrow(RangeError);
});
