import { randomUUID } from "node:crypto";
import { access, link, mkdir, open, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { namePattern } from "@aegis/contracts/name-patterns";
import type { CheckpointArchive } from "#usecases/ports.ts";

/** Keeps checkpoints as `<directory>/<tenant>/<size>.note`. Mount it where the database's administrators cannot write. */
export function checkpointArchive(directory: string): CheckpointArchive {
  return {
    async keep(tenant, { size, note }) {
      const folder = join(directory, tenant);
      await mkdir(folder, { recursive: true });
      const path = join(folder, `${size}.note`);
      // A name of its own: two instances may keep the same checkpoint at once.
      const draft = `${path}.${randomUUID()}.draft`;
      await using file = await open(draft, "w", 0o644);
      await file.writeFile(note);
      await file.sync();
      // Unlike a renaming, a link takes no other's place.
      await link(draft, path).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== "EEXIST") throw error;
      });
      await rm(draft);
      await using parent = await open(folder, "r");
      await parent.sync();
    },
    async has(tenant, size) {
      return access(join(directory, tenant, `${size}.note`)).then(
        () => true,
        (error: NodeJS.ErrnoException) => {
          if (error.code === "ENOENT") return false;
          throw error;
        },
      );
    },
    async all(tenant) {
      if (!namePattern.test(tenant)) return [];
      const folder = join(directory, tenant);
      const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") return [];
        throw error;
      });
      const notes = names.filter((name) => /^\d+\.note$/.test(name));
      return Promise.all(
        notes.map(async (name) => ({ size: Number.parseInt(name, 10), note: await readFile(join(folder, name), "utf8") })),
      );
    },
  };
}
