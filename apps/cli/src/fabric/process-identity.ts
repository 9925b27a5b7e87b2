import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** A process, told apart from a later one with the same pid by when it started. */
export interface ProcessIdentity {
  pid: number;
  /** Opaque; equal only for the same process. */
  started: string;
}

/** When the process started, or undefined when there is none (a zombie counts as none). */
function startOf(pid: number): string | undefined {
  if (process.platform !== "linux") {
    const ps = spawnSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8" });
    return ps.status === 0 && ps.stdout.trim() !== "" ? ps.stdout.trim() : undefined;
  }
  try {
    // proc_pid_stat(5): the name may hold spaces and parentheses, so fields are counted after the last ")".
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

export function identify(pid: number): ProcessIdentity | undefined {
  const started = startOf(pid);
  return started === undefined ? undefined : { pid, started };
}

export const isAlive = (identity: ProcessIdentity): boolean => startOf(identity.pid) === identity.started;

/** Signals the process's group, or the process alone when it leads none; false when it is gone. */
export function signalGroup(pid: number, signal: NodeJS.Signals): boolean {
  for (const target of [-pid, pid]) {
    try {
      process.kill(target, signal);
      return true;
    } catch (caught) {
      if ((caught as NodeJS.ErrnoException).code !== "ESRCH") throw caught;
    }
  }
  return false;
}
