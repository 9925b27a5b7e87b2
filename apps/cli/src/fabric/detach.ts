import { type ChildProcess, fork } from "node:child_process";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import { repositoryRoot } from "../context.ts";
import { Failure } from "../failure.ts";
import type { DataDirectory } from "./data-directory.ts";

/** What the supervisor in the background tells the command that started it. */
export type FromSupervisor = { kind: "progress"; text: string } | { kind: "ready" } | { kind: "failed"; sentence: string };

/** Starts `aegis up` once more, in a session of its own, and returns when it is ready; a failure there is a failure here. */
export async function startDetached(
  directory: DataDirectory,
  commandLine: readonly string[],
  onProgress: (text: string) => void,
): Promise<void> {
  mkdirSync(directory.logs, { recursive: true });
  const log = openSync(directory.log("supervisor"), "a", 0o600);
  const child = fork(join(repositoryRoot, "apps", "cli", "src", "main.ts"), commandLine, {
    detached: true,
    cwd: repositoryRoot,
    execArgv: ["--disable-warning=ExperimentalWarning"],
    stdio: ["ignore", log, log, "ipc"],
  });
  closeSync(log);
  const interrupted = () => child.kill("SIGTERM");
  process.once("SIGINT", interrupted).once("SIGTERM", interrupted);
  try {
    await outcome(child, onProgress, directory.log("supervisor"));
  } finally {
    process.off("SIGINT", interrupted).off("SIGTERM", interrupted);
    if (child.connected) child.disconnect();
    child.unref();
  }
}

function outcome(child: ChildProcess, onProgress: (text: string) => void, log: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let failure: Failure | undefined;
    child.on("message", (message: FromSupervisor) => {
      if (message.kind === "progress") onProgress(message.text);
      else if (message.kind === "ready") resolve();
      else failure = new Failure(message.sentence);
    });
    child.once("error", reject);
    // Only when it is gone is nothing left running.
    child.once("exit", () => reject(failure ?? new Failure(`the supervisor ended before the fabric was ready; its log is ${log}`)));
  });
}

/** Tells the command that waits, if one does. */
export function tell(message: FromSupervisor): void {
  if (process.connected) process.send?.(message);
}
