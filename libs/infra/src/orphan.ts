import { readFile } from "node:fs/promises";

/**
 * Ends a server of ours that outlived the supervisor that started it (killed by SIGKILL): named by the first line of its pid
 * file, running the command line that `isOurs` knows, and adopted by process 1. One whose supervisor lives is left alone.
 */
export async function stopOrphan(
  pidFile: string,
  isOurs: (commandLine: string) => boolean,
  graceful: NodeJS.Signals = "SIGTERM",
): Promise<void> {
  const pid = await pidIn(pidFile);
  if (pid === undefined || process.pid === 1) return;
  const running = await describe(pid);
  if (running === undefined || running.parent !== 1 || !isOurs(running.commandLine)) return;
  for (const [signal, waitMs] of [
    [graceful, 10_000],
    ["SIGKILL", 5_000],
  ] as const) {
    try {
      process.kill(pid, signal);
    } catch {
      return;
    }
    const deadline = performance.now() + waitMs;
    while (performance.now() < deadline) {
      if ((await describe(pid)) === undefined) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** The number in the first line of a pid file; undefined when there is none. */
export async function pidIn(pidFile: string): Promise<number | undefined> {
  try {
    const pid = Number.parseInt(await readFile(pidFile, "utf8"), 10);
    return pid > 1 ? pid : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Undefined when no such process runs. A zombie does not run, unless it still has threads: its first thread may be gone while
 * the others have not let go of its ports and files yet.
 */
export async function describe(pid: number): Promise<{ commandLine: string; parent: number } | undefined> {
  try {
    const [commandLine, status] = await Promise.all([readFile(`/proc/${pid}/cmdline`, "utf8"), readFile(`/proc/${pid}/status`, "utf8")]);
    if (/^State:\s+[ZX]/m.test(status) && !(Number(/^Threads:\s+(\d+)/m.exec(status)?.[1] ?? 0) > 1)) return undefined;
    return { commandLine: commandLine.replaceAll("\0", " "), parent: Number(/^PPid:\s+(\d+)/m.exec(status)?.[1] ?? 0) };
  } catch {
    return undefined;
  }
}
