import { readdirSync, readFileSync } from "node:fs";

/** Linux counts in hundredths of a second (USER_HZ), whatever the kernel's own tick is. */
const microsecondsPerTick = 10_000;

/** Processor time a process has used so far, all its threads, user and system, in microseconds; undefined where there is no /proc. */
export function cpuMicros(pid: number): number | undefined {
  const stat = statOf(String(pid));
  return stat && stat.own * microsecondsPerTick;
}

/** The same for a process and whatever it started, ended children included. */
export const treeMicros = (pid: number): number =>
  treeOf(pid).reduce((ticks, { own, ended }) => ticks + own + ended, 0) * microsecondsPerTick;

/** A process and whatever it started that still runs. */
export const treePids = (pid: number): number[] => treeOf(pid).map((one) => one.pid);

function treeOf(pid: number): Stat[] {
  const all = readdirSync("/proc").flatMap((name) => (/^\d+$/.test(name) ? (statOf(name) ?? []) : []));
  const children = Map.groupBy(all, ({ parent }) => parent);
  const root = all.find((one) => one.pid === pid);
  const found = root ? [root] : [];
  for (let at = 0; at < found.length; at++) found.push(...(children.get((found[at] as Stat).pid) ?? []));
  return found;
}

interface Stat {
  readonly pid: number;
  readonly parent: number;
  /** Ticks of this process, and of its children that have ended. */
  readonly own: number;
  readonly ended: number;
}

/** proc_pid_stat(5); undefined for a process that is gone. */
function statOf(pid: string): Stat | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name in parentheses may hold anything; fields are counted from behind it.
    const fields = stat
      .slice(stat.lastIndexOf(")") + 2)
      .split(" ")
      .map(Number);
    const [user = 0, system = 0, endedUser = 0, endedSystem = 0] = fields.slice(11, 15);
    return { pid: Number(pid), parent: fields[1] ?? 0, own: user + system, ended: endedUser + endedSystem };
  } catch {
    return undefined;
  }
}
