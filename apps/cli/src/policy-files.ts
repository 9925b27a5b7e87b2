import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import { buffer } from "node:stream/consumers";
import type { PolicyFile } from "@aegis/policy/compile";
import { exit, Failure, usage } from "./failure.ts";

/**
 * Names under which the files leave this machine: decisions keep them as the places of rules. Relative to `directory`
 * for what is inside it; of others the base name, with as many directories before it as tell two of them apart.
 */
export function publishedNames(paths: readonly string[], directory: string): string[] {
  const whole = paths.map((path) => resolve(directory, path));
  const inside = whole.map((path) => path.startsWith(directory.endsWith(sep) ? directory : directory + sep));
  const taken = new Map(whole.flatMap((path, index) => (inside[index] ? [[relative(directory, path), path] as const] : [])));
  return whole.map((path, index) => {
    if (inside[index]) return relative(directory, path);
    const parts = path.split(sep).filter((part) => part !== "");
    let name = "";
    for (let count = 1; count <= parts.length; count += 1) {
      name = parts.slice(-count).join("/");
      if ((taken.get(name) ?? path) === path) break;
    }
    taken.set(name, path);
    return name;
  });
}

/** The files as `publishedNames` calls them. */
export async function readPublishedFiles(paths: readonly string[]): Promise<PolicyFile[]> {
  const files = await readPolicyFiles(paths);
  const names = publishedNames(
    files.map(({ name }) => name),
    process.cwd(),
  );
  return files.map(({ text }, index) => ({ name: names[index] as string, text }));
}

export interface ReadOptions {
  /** Also files that are no text, for whoever tells what is wrong with them. */
  readonly broken?: boolean;
}

/** Reads policy files in the order given; of a directory, its YAML and JSON files by name; of `-`, standard input. Named as given. */
export async function readPolicyFiles(paths: readonly string[], options: ReadOptions = {}): Promise<PolicyFile[]> {
  const names = (await Promise.all(paths.map(expand))).flat();
  const decode = options.broken === true ? replaced : decoded;
  return Promise.all(
    names.map(async (name) =>
      name === "-"
        ? { name: "<stdin>", text: decode(name, await buffer(process.stdin)) }
        : { name, text: decode(name, await readFile(name)) },
    ),
  );
}

/** Text that stands for the file's bytes, with U+FFFD for what is not UTF-8: the compiler tells where that is. */
const replaced = (_: string, bytes: Uint8Array): string => new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);

/** Text that is the file's bytes again when it is encoded, a byte order mark included. */
function decoded(name: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Failure(`${name} is not UTF-8 text: save it as that`, { exitCode: exit.policyInvalid });
  }
}

async function expand(path: string): Promise<string[]> {
  if (path === "-") return [path];
  if (!(await stat(path)).isDirectory()) return [path];
  const entries = (await readdir(path)).filter((entry) => /\.(ya?ml|json)$/.test(entry)).sort();
  // A revision is the whole set: a directory that gives nothing would take what it stands for out of force.
  if (entries.length === 0) throw usage(`there is no .yaml, .yml or .json file in ${path} itself`);
  return entries.map((entry) => join(path, entry));
}

/** The tenant that documents name, for checking them where none was named; most documents name none. */
export function tenantNamedIn(files: readonly PolicyFile[]): string | undefined {
  for (const { text } of files) {
    const named = /\btenant["']?\s*:\s*["']?([a-z0-9][a-z0-9-]{0,62})\b/.exec(text)?.[1];
    if (named !== undefined) return named;
  }
  return undefined;
}

/** Writes files of a revision as they were given. Their names come from whoever published: none may lead out of the directory. */
export async function writePolicyFiles(directory: string, files: readonly PolicyFile[]): Promise<void> {
  const root = resolve(directory);
  const places = files.map(({ name, text }) => {
    const place = resolve(root, name);
    const inside = relative(root, place);
    if (inside === "" || inside === ".." || inside.startsWith(`..${sep}`) || isAbsolute(inside)) {
      throw new Failure(`the file name ${name} leads out of ${directory}: read it with --file`);
    }
    return { place, text };
  });
  for (const { place, text } of places) {
    await mkdir(dirname(place), { recursive: true });
    await writeFile(place, text);
  }
}
