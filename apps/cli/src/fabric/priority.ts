import { writeFileSync } from "node:fs";
import { setPriority } from "node:os";

/**
 * Lets a process wait for others when the processors are busy. Where Linux shares them out by session (autogroup), a nice value counts only
 * among the processes of one session, and each of ours leads its own: so that of the session is set as well.
 */
export function yieldProcessor(pid: number, nice: number): void {
  for (const lower of [() => setPriority(pid, nice), () => writeFileSync(`/proc/${pid}/autogroup`, String(nice))]) {
    try {
      lower();
    } catch {
      // Not on this system, or gone already: then it runs like all others.
    }
  }
}
