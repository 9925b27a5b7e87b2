import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { AegisError } from "@aegis/contracts/errors";
import { namePattern } from "@aegis/contracts/name-patterns";
import { z } from "zod";
import type { PolicyCache } from "#usecases/ports.ts";
import { writeDurably } from "./durable-file.ts";

const highWaterFile = z.object({ revision: z.int().min(1), digest: z.string() });

/**
 * Keeps verified policies below `directory`, one folder a tenant: `policy` (the head's JWS, a line feed, the bundle) is replaced in one
 * step, so that head and bundle always belong together; `high-water.json` follows it.
 */
export function bundleCache(directory: string): PolicyCache {
  const policyFile = (tenant: string) => join(directory, tenant, "policy");
  const highWaterPath = (tenant: string) => join(directory, tenant, "high-water.json");
  const read = async (tenant: string) => {
    const bytes = await readFile(policyFile(tenant)).catch(missing(() => Buffer.alloc(0)));
    const end = bytes.indexOf(10);
    return end < 0 ? { head: "", bundle: undefined } : { head: bytes.toString("latin1", 0, end), bundle: bytes.subarray(end + 1) };
  };
  return {
    async load() {
      const tenants = (await readdir(directory).catch(missing(() => [] as string[]))).filter((name) => namePattern.test(name));
      const entries = tenants.map(async (tenant) => {
        const mark = await readFile(highWaterPath(tenant), "utf8").catch(missing(() => undefined));
        return { tenant, ...(await read(tenant)), highWater: parseHighWater(highWaterPath(tenant), mark) };
      });
      return Promise.all(entries);
    },
    async save(tenant, { head, bundle, highWater }) {
      const content = bundle ?? (await read(tenant)).bundle;
      if (content) await writeDurably(policyFile(tenant), Buffer.concat([Buffer.from(`${head}\n`), content]));
      await writeDurably(highWaterPath(tenant), JSON.stringify(highWater));
    },
  };
}

/** An unreadable mark is not "no mark": rather stop than let an older revision in. */
function parseHighWater(path: string, text: string | undefined): z.infer<typeof highWaterFile> | undefined {
  if (text === undefined) return undefined;
  try {
    return highWaterFile.parse(JSON.parse(text));
  } catch (cause) {
    throw new AegisError("precondition_failed", `${path} is damaged: only its owner can say which revision was the newest`, { cause });
  }
}

const missing =
  <T>(otherwise: () => T) =>
  (error: NodeJS.ErrnoException): T => {
    if (error.code !== "ENOENT") throw error;
    return otherwise();
  };
