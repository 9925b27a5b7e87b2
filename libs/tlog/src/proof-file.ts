import { verifyConsistency, verifyInclusion } from "./proof.ts";

/** What came of a proof that somebody handed over. */
export type ProofCheck =
  | { readonly kind: "inclusion" | "consistency"; readonly ok: boolean; readonly why?: string }
  /** Not a proof of either kind. */
  | { readonly kind: "unknown"; readonly why: string };

/**
 * Checks a Merkle proof given as JSON, in the members that the transparency-dev test vectors use; hashes are base64:
 * inclusion `{leafIdx, treeSize, leafHash, root, proof}` (RFC 9162 §2.1.3), consistency `{size1, size2, root1, root2, proof}` (§2.1.4).
 * `proof` is a list of hashes, or null for none. Other members are passed over. Never throws.
 */
export function checkProofFile(value: unknown): ProofCheck {
  const members = typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  const has = (...names: string[]) => names.every((name) => Object.hasOwn(members, name));
  if (has("leafIdx", "treeSize", "leafHash", "root")) {
    return proved("inclusion", members, ["leafIdx", "treeSize"], ["leafHash", "root"], ([index, size], [leaf, root], proof) =>
      verifyInclusion(index as number, leaf as Uint8Array, proof, { size: size as number, root: root as Uint8Array }),
    );
  }
  if (has("size1", "size2", "root1", "root2")) {
    return proved("consistency", members, ["size1", "size2"], ["root1", "root2"], ([from, to], [older, newer], proof) =>
      verifyConsistency({ size: from as number, root: older as Uint8Array }, { size: to as number, root: newer as Uint8Array }, proof),
    );
  }
  return { kind: "unknown", why: "it has neither leafIdx, treeSize, leafHash and root, nor size1, size2, root1 and root2" };
}

function proved(
  kind: "inclusion" | "consistency",
  members: Readonly<Record<string, unknown>>,
  numbers: readonly string[],
  hashes: readonly string[],
  verify: (numbers: readonly number[], hashes: readonly Uint8Array[], proof: readonly Uint8Array[]) => boolean,
): ProofCheck {
  const counted = numbers.map((name) => members[name]);
  if (!counted.every((each): each is number => typeof each === "number" && Number.isSafeInteger(each) && each >= 0)) {
    return { kind, ok: false, why: `${numbers.join(" and ")} are not both whole numbers` };
  }
  const named = hashes.map((name) => bytesOf(members[name]));
  const listed = members.proof === null || members.proof === undefined ? [] : members.proof;
  const proof = Array.isArray(listed) ? listed.map(bytesOf) : [undefined];
  if (![...named, ...proof].every((each) => each !== undefined)) return { kind, ok: false, why: "a hash is not base64" };
  const ok = verify(counted, named as Uint8Array[], proof as Uint8Array[]);
  return ok ? { kind, ok } : { kind, ok, why: "the proof does not lead to the root" };
}

function bytesOf(value: unknown): Uint8Array | undefined {
  if (value === null) return new Uint8Array();
  if (typeof value !== "string") return undefined;
  const bytes = Buffer.from(value, "base64");
  return bytes.toString("base64") === value ? bytes : undefined;
}
