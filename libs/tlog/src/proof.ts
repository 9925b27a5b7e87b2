import { emptyRoot, hashBytes, nodeHash } from "./tree.ts";

/** Reads the root of the perfect subtree of `2^height` leaves that starts at leaf `index × 2^height`. */
export type NodeReader = (height: number, index: number) => Promise<Uint8Array>;

/** A tree at one moment. */
export interface TreeHead {
  readonly size: number;
  readonly root: Uint8Array;
}

/** The audit path of leaf `index` in the first `size` leaves (RFC 6962 §2.1.1), nearest sibling first. */
export async function inclusionProof(index: number, size: number, read: NodeReader): Promise<Uint8Array[]> {
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || index < 0 || index >= size) {
    throw new RangeError(`leaf ${index} is not in a tree of ${size}`);
  }
  const path = async (at: number, start: number, count: number): Promise<Uint8Array[]> => {
    if (count === 1) return [];
    const left = largestPowerBelow(count);
    return at < left
      ? [...(await path(at, start, left)), await subtree(start + left, count - left, read)]
      : [...(await path(at - left, start + left, count - left)), await subtree(start, left, read)];
  };
  return path(index, 0, size);
}

/** The proof that the first `from` leaves are a prefix of the first `to` (RFC 6962 §2.1.2); empty when `from` is 0 or `to`. */
export async function consistencyProof(from: number, to: number, read: NodeReader): Promise<Uint8Array[]> {
  if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to) || from < 0 || from > to) {
    throw new RangeError(`a tree of ${from} is no prefix of a tree of ${to}`);
  }
  const path = async (prefix: number, start: number, count: number, whole: boolean): Promise<Uint8Array[]> => {
    if (prefix === count) return whole ? [] : [await subtree(start, count, read)];
    const left = largestPowerBelow(count);
    return prefix <= left
      ? [...(await path(prefix, start, left, whole)), await subtree(start + left, count - left, read)]
      : [...(await path(prefix - left, start + left, count - left, false)), await subtree(start, left, read)];
  };
  return from === 0 ? [] : path(from, 0, to, true);
}

/** The Merkle tree hash of the first `size` leaves. */
export async function rootAt(size: number, read: NodeReader): Promise<Uint8Array> {
  return size === 0 ? emptyRoot : subtree(0, size, read);
}

/** Whether `proof` shows that the leaf with this hash is number `index` of the tree (RFC 9162 §2.1.3.2). Never throws. */
export function verifyInclusion(index: number, leaf: Uint8Array, proof: readonly Uint8Array[], head: TreeHead): boolean {
  if (!isIndex(index) || !isIndex(head.size) || index >= head.size || !areHashes([leaf, head.root, ...proof])) return false;
  let at = index;
  let last = head.size - 1;
  let root = leaf;
  for (const sibling of proof) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      root = nodeHash(sibling, root);
      while (at % 2 === 0 && at !== 0) {
        at = half(at);
        last = half(last);
      }
    } else {
      root = nodeHash(root, sibling);
    }
    at = half(at);
    last = half(last);
  }
  return last === 0 && equal(root, head.root);
}

/**
 * Whether `proof` shows that `older` is a prefix of `newer` (RFC 9162 §2.1.4.2). Never throws.
 * From the empty tree, and between equal sizes, the proof must be empty.
 */
export function verifyConsistency(older: TreeHead, newer: TreeHead, proof: readonly Uint8Array[]): boolean {
  if (!isIndex(older.size) || !isIndex(newer.size) || older.size > newer.size) return false;
  if (older.size === 0 && !equal(older.root, emptyRoot)) return false;
  if (older.size === newer.size) return proof.length === 0 && equal(older.root, newer.root);
  if (!areHashes([older.root, newer.root, ...proof])) return false;
  if (older.size === 0) return proof.length === 0;
  let at = older.size - 1;
  let last = newer.size - 1;
  while (at % 2 === 1) {
    at = half(at);
    last = half(last);
  }
  // When the older tree is one perfect subtree, its own root opens the path and is not repeated in the proof.
  const path = at === 0 ? [older.root, ...proof] : proof;
  const [first, ...rest] = path;
  if (first === undefined) return false;
  let before = first;
  let after = first;
  for (const sibling of rest) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      before = nodeHash(sibling, before);
      after = nodeHash(sibling, after);
      while (at % 2 === 0 && at !== 0) {
        at = half(at);
        last = half(last);
      }
    } else {
      after = nodeHash(after, sibling);
    }
    at = half(at);
    last = half(last);
  }
  return last === 0 && equal(before, older.root) && equal(after, newer.root);
}

/** Whether two hashes are the same bytes. */
export function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}

async function subtree(start: number, count: number, read: NodeReader): Promise<Uint8Array> {
  const height = Math.round(Math.log2(count));
  if (2 ** height === count) return read(height, start / count);
  const left = largestPowerBelow(count);
  return nodeHash(await subtree(start, left, read), await subtree(start + left, count - left, read));
}

function largestPowerBelow(count: number): number {
  let power = 1;
  while (power * 2 < count) power *= 2;
  return power;
}

const half = (value: number): number => Math.floor(value / 2);
const isIndex = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;
const areHashes = (hashes: readonly Uint8Array[]): boolean => hashes.every((each) => each.length === hashBytes);
