import { parseVerifierKey, type VerifierKey } from "@aegis/tlog/note";
import type { Context } from "../context.ts";
import { dataDirectory } from "../fabric/data-directory.ts";
import { Failure, usage } from "../failure.ts";
import { readIfPresent } from "../files.ts";

/** The ledger's pinned key: the one given (C2SP vkey), else the one in the data directory. */
export async function pinnedKey(context: Context, given: string | undefined): Promise<VerifierKey> {
  const { checkpointKey } = dataDirectory(context.dataDirectory);
  const vkey = given ?? (await readIfPresent(checkpointKey))?.trim();
  if (!vkey)
    throw new Failure(`there is no pinned checkpoint key at ${checkpointKey}: name the data directory with --data-dir, or give --key`);
  try {
    return parseVerifierKey(vkey);
  } catch (error) {
    throw usage(`the key is not usable: ${(error as Error).message}`);
  }
}
