import { parseLeaf } from "@aegis/tlog/leaf";
import type { StoredEntry } from "./ports.ts";

/** An entry's event with all it says; null when its bytes are none. */
export function eventOf({ columns, leaf, payload }: StoredEntry): unknown {
  return (payload !== null && columns.kind !== "quarantine" ? json(payload) : undefined) ?? parseLeaf(leaf)?.event ?? null;
}

function json(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    return undefined;
  }
}
