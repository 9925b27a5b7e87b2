import { execFileSync } from "node:child_process";
import { treePids } from "./cpu.ts";
import type { Target } from "./rounds.ts";

/** The server that is measured has this core for itself. */
const serverCore = 0;
/** The client shares this one with everything that is not being measured. */
export const clientCore = 1;

/** So that a server counts the processors it will have when it starts: Go's runtime does so once. */
export const onServerCore = (command: readonly string[]): string[] => ["taskset", "-c", String(serverCore), ...command];

/** Puts a server on its core, and what else there is of it on the client's. */
export async function place({ pid, whole }: Pick<Target, "pid" | "whole">): Promise<void> {
  const server = treePids(pid);
  pin(server, serverCore);
  pin(
    ((await whole?.pids()) ?? []).filter((one) => !server.includes(one)),
    clientCore,
  );
}

/** Every thread of these processes, present and future ones, on one core. */
function pin(pids: readonly number[], core: number): void {
  for (const pid of pids) execFileSync("taskset", ["-acp", String(core), String(pid)], { stdio: "ignore" });
}
