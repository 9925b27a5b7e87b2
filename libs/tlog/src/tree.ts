import { hash } from "node:crypto";

/** Bytes of every hash in a tree. */
export const hashBytes = 32;

const sha256 = (bytes: Uint8Array): Uint8Array => hash("sha256", bytes, "buffer");

/** SHA-256 of bytes that already begin with the byte that tells leaves from nodes. */
export const hashOf = sha256;

/** The root of a tree without leaves: SHA-256 of nothing (RFC 6962 §2.1). */
export const emptyRoot: Uint8Array = sha256(new Uint8Array(0));

/** SHA-256(0x00 ‖ leaf), RFC 6962 §2.1. */
export function leafHash(leaf: Uint8Array): Uint8Array {
  const input = Buffer.allocUnsafe(leaf.length + 1);
  input[0] = 0x00;
  input.set(leaf, 1);
  return sha256(input);
}

/** SHA-256(0x01 ‖ left ‖ right), RFC 6962 §2.1. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  const input = Buffer.allocUnsafe(1 + left.length + right.length);
  input[0] = 0x01;
  input.set(left, 1);
  input.set(right, 1 + left.length);
  return sha256(input);
}

/** Called for each perfect subtree the moment it is complete: its height (0 = a leaf), its index among those, its root. */
export type OnNode = (height: number, index: number, hash: Uint8Array) => void;

/**
 * The right edge of an append-only tree: the roots of its perfect subtrees, largest first, one per set bit of the size.
 * It is all that appending and computing the root need: O(log size) memory.
 */
export class Frontier {
  #size: number;
  readonly #roots: Uint8Array[];

  private constructor(size: number, roots: Uint8Array[]) {
    this.#size = size;
    this.#roots = roots;
  }

  static empty(): Frontier {
    return new Frontier(0, []);
  }

  /** Reads back `toBytes()`. Throws RangeError when the bytes do not belong to a tree of this size. */
  static fromBytes(size: number, bytes: Uint8Array): Frontier {
    if (!Number.isSafeInteger(size) || size < 0) throw new RangeError(`not a tree size: ${size}`);
    const roots: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; at += hashBytes) roots.push(bytes.slice(at, at + hashBytes));
    if (bytes.length % hashBytes !== 0 || roots.length !== bitsSet(size)) {
      throw new RangeError(`a tree of ${size} leaves has no frontier of ${bytes.length} bytes`);
    }
    return new Frontier(size, roots);
  }

  /** Leaves so far. */
  get size(): number {
    return this.#size;
  }

  /** Appends one leaf hash. */
  append(leaf: Uint8Array, onNode?: OnNode): void {
    let index = this.#size;
    let root = leaf;
    let height = 0;
    onNode?.(height, index, root);
    while (index % 2 === 1) {
      root = nodeHash(this.#roots.pop() as Uint8Array, root);
      index = Math.floor(index / 2);
      height += 1;
      onNode?.(height, index, root);
    }
    this.#roots.push(root);
    this.#size += 1;
  }

  /** The Merkle tree hash of all leaves so far (RFC 6962 §2.1). */
  root(): Uint8Array {
    return this.#roots.length === 0 ? emptyRoot : this.#roots.reduceRight((right, left) => nodeHash(left, right));
  }

  /** The subtree roots, concatenated. */
  toBytes(): Uint8Array {
    return Buffer.concat(this.#roots);
  }
}

function bitsSet(size: number): number {
  let count = 0;
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) count += rest % 2;
  return count;
}
