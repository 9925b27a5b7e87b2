import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { PolicyFile } from "@aegis/policy/compile";
import { usage } from "./failure.ts";

/** Reads policy files in the order given; of a directory, its YAML and JSON files by name. */
export async function readPolicyFiles(paths: readonly string[]): Promise<PolicyFile[]> {
  const names = (await Promise.all(paths.map(expand))).flat();
  if (names.length === 0) throw usage("there is no .yaml, .yml or .json file in what was named");
  return Promise.all(names.map(async (name) => ({ name, text: await readFile(name, "utf8") })));
}

async function expand(path: string): Promise<string[]> {
  if (!(await stat(path)).isDirectory()) return [path];
  const entries = await readdir(path);
  return entries
    .filter((entry) => /\.(ya?ml|json)$/.test(entry))
    .sort()
    .map((entry) => join(path, entry));
}

/** The tenant that documents name, for checking them where none was named; most documents name none. */
export function tenantNamedIn(files: readonly PolicyFile[]): string | undefined {
  for (const { text } of files) {
    const named = /\btenant["']?\s*:\s*["']?([a-z0-9][a-z0-9-]{0,62})\b/.exec(text)?.[1];
    if (named !== undefined) return named;
  }
  return undefined;
}
