import { createHash, randomUUID } from "node:crypto";
import { link, mkdir, open, readdir, readFile, unlink } from "node:fs/promises";
import { join } from "node:path";
import type { TreeHead } from "@aegis/tlog/proof";
import { nothingSigned } from "#domain/signing.ts";
import type { SignerState } from "#usecases/ports.ts";

/**
 * The signer's memory: for each origin a folder with one file per state, numbered. A state is put in place by linking it under the
 * next number, which only one of several writers can do; the file and the folder are synced before that counts as done.
 */
export function signerState(directory: string): SignerState {
  const folderOf = (origin: string) => join(directory, createHash("sha256").update(origin).digest("hex"));
  return {
    async last(origin) {
      const folder = folderOf(origin);
      const [generation] = await generations(folder);
      if (generation === undefined) return { head: nothingSigned, generation: 0 };
      const stored = JSON.parse(await readFile(join(folder, String(generation)), "utf8")) as { origin: string; size: number; root: string };
      if (stored.origin !== origin) throw new Error(`${folder} holds the state of ${stored.origin}`);
      return { head: { size: stored.size, root: Buffer.from(stored.root, "base64") }, generation };
    },
    async replace(origin, generation, next) {
      const folder = folderOf(origin);
      await mkdir(folder, { recursive: true });
      // A name of its own: two writers in one draft could put one's state in place under the other's name.
      const draft = join(folder, `draft-${randomUUID()}`);
      await write(draft, origin, next);
      const linked = await link(draft, join(folder, String(generation + 1))).then(
        () => true,
        (error: NodeJS.ErrnoException) => {
          if (error.code === "EEXIST") return false;
          throw error;
        },
      );
      await unlink(draft);
      if (!linked) return false;
      await sync(folder);
      await sync(directory);
      const known = await generations(folder);
      // A writer that slept while others moved on may have filled a number that was already cleared away.
      if (known[0] !== generation + 1) return false;
      await Promise.all(known.slice(2).map((old) => unlink(join(folder, String(old))).catch(() => undefined)));
      return true;
    },
  };
}

/** Newest first. */
async function generations(folder: string): Promise<number[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  return names
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .sort((a, b) => b - a);
}

async function write(path: string, origin: string, { size, root }: TreeHead): Promise<void> {
  await using file = await open(path, "w", 0o600);
  await file.writeFile(JSON.stringify({ origin, size, root: Buffer.from(root).toString("base64") }));
  await file.sync();
}

async function sync(folder: string): Promise<void> {
  await using handle = await open(folder, "r");
  await handle.sync();
}
