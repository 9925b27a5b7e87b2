import { spawn } from "node:child_process";
import { join } from "node:path";

export const root = join(import.meta.dirname, "../..");

/** What one run of the CLI did. */
export interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `./aegis` as a user would. */
export function run(args: readonly string[], options: { environment?: Record<string, string>; timeoutMs?: number } = {}): Promise<Run> {
  const { promise, resolve, reject } = Promise.withResolvers<Run>();
  const child = spawn(join(root, "aegis"), args, { env: { ...process.env, ...options.environment }, stdio: ["ignore", "pipe", "pipe"] });
  const timer = setTimeout(() => child.kill("SIGKILL"), options.timeoutMs ?? 120_000);
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk) => {
    stdout += chunk;
  });
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  child.on("error", reject);
  // `exit`, not `close`: a fabric left running in the background may hold the pipes open.
  child.on("exit", (code) => {
    clearTimeout(timer);
    setImmediate(() => resolve({ code: code ?? -1, stdout, stderr }));
  });
  return promise;
}

/** The CLI bound to one running fabric. */
export class Cli {
  readonly endpointsFile: string;

  constructor(endpointsFile: string) {
    this.endpointsFile = endpointsFile;
  }

  run(...args: string[]): Promise<Run> {
    return run([...args, "--endpoints", this.endpointsFile]);
  }

  /** Runs with `--json` and gives the document; any exit code but `expected` fails with what the command said. */
  async json<T = Record<string, unknown>>(args: readonly string[], expected: number | "any" = 0): Promise<T> {
    const result = await this.run(...args, "--json");
    if (expected !== "any" && result.code !== expected) {
      throw new Error(`aegis ${args.join(" ")} exited ${result.code}, not ${expected}\n${result.stdout}\n${result.stderr}`);
    }
    return JSON.parse(result.stdout) as T;
  }
}
