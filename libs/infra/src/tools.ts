import { execFile } from "node:child_process";
import { access, constants, mkdir } from "node:fs/promises";
import { delimiter, isAbsolute, join } from "node:path";
import { promisify } from "node:util";
import { AegisError } from "@aegis/contracts/errors";

const run = promisify(execFile);

export interface FindOptions {
  /** Absolute path that the user names, e.g. process.env.AEGIS_NATS_SERVER; when it is set nothing else is looked at. */
  readonly named?: string | undefined;
  /** Directories to look in after PATH. */
  readonly directories?: readonly string[];
}

/** The absolute path of a program, or undefined. Throws `not_found` when the user named one that cannot be run. */
export async function findTool(name: string, options: FindOptions = {}): Promise<string | undefined> {
  if (options.named !== undefined && options.named !== "") {
    if (isAbsolute(options.named) && (await isExecutable(options.named))) return options.named;
    throw new AegisError("not_found", `${options.named} is not an absolute path of a program that can be run`);
  }
  const onPath = (process.env.PATH ?? "").split(delimiter).filter((directory) => isAbsolute(directory));
  for (const directory of [...onPath, ...(options.directories ?? [])]) {
    const path = join(directory, name);
    if (await isExecutable(path)) return path;
  }
  return undefined;
}

/**
 * The path of a Go program built once into `toolsDirectory`, or undefined where there is no Go. The progress line goes to stderr.
 * `target` is a package with its exact version. Throws `unavailable` when the build fails.
 */
export async function goInstall(name: string, target: string, toolsDirectory: string): Promise<string | undefined> {
  const built = join(toolsDirectory, name);
  if (await isExecutable(built)) return built;
  const go = await findTool("go", { directories: ["/usr/local/go/bin"] });
  if (go === undefined) return undefined;
  await mkdir(toolsDirectory, { recursive: true });
  process.stderr.write(`building ${name} (${target}), once\n`);
  await runTool(go, ["install", target], { ...process.env, GOBIN: toolsDirectory, GOFLAGS: "-trimpath" });
  return built;
}

/** The same of a program whose module lies in `directory`, with everything that it needs pinned by its go.sum. */
export async function goBuild(name: string, directory: string, toolsDirectory: string): Promise<string | undefined> {
  const built = join(toolsDirectory, name);
  if (await isExecutable(built)) return built;
  const go = await findTool("go", { directories: ["/usr/local/go/bin"] });
  if (go === undefined) return undefined;
  await mkdir(toolsDirectory, { recursive: true });
  process.stderr.write(`building ${name} (${directory}), once\n`);
  const args = ["build", "-C", directory, "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", built, "."];
  await runTool(go, args, { ...process.env, CGO_ENABLED: "0", GOFLAGS: "-mod=readonly" });
  return built;
}

/** Runs a program to its end and resolves to its stdout; throws `unavailable` with the last line it said. */
export async function runTool(command: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<string> {
  try {
    return (await run(command, args, { env, maxBuffer: 64 * 1024 * 1024 })).stdout;
  } catch (error) {
    const said = String((error as { stderr?: string }).stderr ?? "").trim();
    const last = said.split("\n").at(-1) ?? "";
    throw new AegisError("unavailable", `${command} ${args.join(" ")} failed${last === "" ? "" : `: ${last}`}`, { cause: error });
  }
}

export async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
