import { mkdir, open, rename } from "node:fs/promises";
import { join } from "node:path";
import { AegisError } from "@aegis/contracts/errors";
import { namePattern } from "@aegis/contracts/name-patterns";
import { asLine } from "#domain/export/formats.ts";
import { allTaken, noneTaken } from "#domain/sink.ts";
import type { Carrier } from "#usecases/export-ports.ts";

/**
 * Files `<directory>/<tenant>/<sink>/<first sequence>.<format>`, each whole and durable when it appears. A batch that is sent again has
 * the same first entry, so it takes the place of its own file. The directory is the operator's; a tenant names nothing in it.
 */
export function fileCarrier(directory: string | undefined): Carrier {
  return async ({ tenant, name, target, format, records }) => {
    if (target.kind !== "file") return noneTaken("the sink is of another kind");
    if (directory === undefined) return noneTaken("no directory of sinks is configured");
    if (!namePattern.test(tenant) || !namePattern.test(name)) throw new AegisError("invalid_argument", "not the name of a folder");
    const folder = join(directory, tenant, name);
    await mkdir(folder, { recursive: true, mode: 0o750 });
    const path = join(folder, `${String(records[0]?.sequence ?? 0).padStart(16, "0")}.${format === "cef" ? "cef" : `${format}.jsonl`}`);
    await using file = await open(`${path}.draft`, "w", 0o640);
    await file.writeFile(records.map((record) => `${asLine(format, record)}\n`).join(""));
    await file.sync();
    await rename(`${path}.draft`, path);
    await using parent = await open(folder, "r");
    await parent.sync();
    return allTaken(records.length);
  };
}
