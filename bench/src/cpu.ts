import { readFileSync } from "node:fs";

/** Linux counts in hundredths of a second (USER_HZ), whatever the kernel's own tick is. */
const microsecondsPerTick = 10_000;

/** Processor time a process has used so far, all its threads, user and system, in microseconds; undefined where there is no /proc. */
export function cpuMicros(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name in parentheses may hold anything; fields are counted from behind it.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) * microsecondsPerTick;
  } catch {
    return undefined;
  }
}
