import { spawn } from "node:child_process";
import { repositoryRoot } from "../context.ts";

export interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

export interface StageResult extends Counts {
  name: string;
  seconds: number;
  /** What failed or was skipped, for people. */
  notes: string[];
}

/** One step of the whole suite. */
export interface Stage {
  name: string;
  run(): Promise<Counts & { notes?: string[] }>;
}

export const counted = (ok: boolean): Counts => ({ passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0 });

/** Runs a program of the clone's `node_modules/.bin`; all it prints goes to stderr. Gives whether it succeeded. */
export function runTool(
  command: string,
  args: readonly string[],
  options: { directory?: string; environment?: Record<string, string> } = {},
): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: options.directory ?? repositoryRoot,
      env: { ...process.env, ...options.environment },
      stdio: ["ignore", process.stderr, process.stderr],
    });
    child.once("error", reject);
    child.once("exit", (code) => resolve(code === 0));
  });
}
