import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { setPriority } from "node:os";
import { treePids } from "./cpu.ts";
import type { Target } from "./rounds.ts";

/** The server that is measured has this core for itself. */
const serverCore = 0;
/** The client shares this one with everything that is not being measured. */
export const clientCore = 1;

/** So that a server counts the processors it will have when it starts: Go's runtime does so once. */
export const onServerCore = (command: readonly string[]): string[] => ["taskset", "-c", String(serverCore), ...command];

/** Puts a server on its core, and what else there is of it on the client's, where it goes last: the client's own waiting is no server's. */
export async function place({ pid, whole }: Pick<Target, "pid" | "whole">): Promise<void> {
  const server = treePids(pid);
  const others = ((await whole?.pids()) ?? []).filter((one) => !server.includes(one));
  pin(server, serverCore);
  pin(others, clientCore);
  for (const one of others) goLast(one);
}

/** Every thread of these processes, present and future ones, on one core. */
function pin(pids: readonly number[], core: number): void {
  for (const pid of pids) execFileSync("taskset", ["-acp", String(core), String(pid)], { stdio: "ignore" });
}

/** Beyond the nice value that any part of a fabric has. */
const last = "15";

/** Where Linux shares processors out by session (autogroup), a nice value counts only among one session's processes: so both are set. */
function goLast(pid: number): void {
  for (const lower of [() => setPriority(pid, Number(last)), () => writeFileSync(`/proc/${pid}/autogroup`, last)]) {
    try {
      lower();
    } catch {
      // Gone already, or another user's: then it runs like all others.
    }
  }
}
