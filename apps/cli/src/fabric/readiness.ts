import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { Failure } from "../failure.ts";
import { lastComplaint } from "./log-format.ts";
import type { PartRecord } from "./record.ts";

/** What `GET /readyz` says: ready, or which checks are down. */
export type Health = { ready: true } | { ready: false; why: string };

export async function probe(url: string, timeoutMs = 2_000): Promise<Health> {
  try {
    const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(timeoutMs) });
    if (response.ok) return { ready: true };
    const body = (await response.json().catch(() => ({}))) as { checks?: Record<string, string> };
    const down = Object.entries(body.checks ?? {}).filter(([, state]) => !/^(up|ok)$/.test(String(state)));
    return { ready: false, why: down.map(([name, state]) => `${name}: ${state}`).join("; ") || `HTTP ${response.status}` };
  } catch {
    return { ready: false, why: "does not answer" };
  }
}

/** A part that ends this often before it was ever ready will not come up by itself. */
const hopelessRestarts = 4;

/**
 * Waits until every part that has a health address is ready.
 * Fails with one sentence when one keeps ending or the time is over.
 */
export async function waitUntilReady(options: {
  parts: () => PartRecord[];
  logOf: (name: string) => string;
  onProgress: (ready: number, of: number, waitingFor: string[]) => void;
  stopping: AbortSignal;
  timeoutMs: number;
}): Promise<void> {
  const ready = new Set<string>();
  const until = Date.now() + options.timeoutMs;
  for (;;) {
    const asked = options.parts().filter((part) => part.url !== undefined);
    const waiting = asked.filter((part) => !ready.has(part.name));
    const states = await Promise.all(waiting.map(async (part) => ({ part, health: await probe(part.url as string) })));
    for (const { part, health } of states) if (health.ready) ready.add(part.name);
    const left = states.filter(({ health }) => !health.ready);
    options.onProgress(
      ready.size,
      asked.length,
      left.map(({ part }) => part.name),
    );
    if (left.length === 0) return;
    if (options.stopping.aborted) throw new Failure("stopped before the fabric was ready");
    const hopeless = left.find(({ part }) => part.restarts >= hopelessRestarts);
    if (hopeless)
      throw new Failure(
        await sentence(`${hopeless.part.name} keeps ending (${hopeless.part.lastExit})`, options.logOf(hopeless.part.name)),
      );
    if (Date.now() > until) {
      const [first] = left as [(typeof left)[number]];
      const whys = left.map(({ part, health }) => `${part.name} (${health.ready ? "" : health.why})`).join(", ");
      throw new Failure(await sentence(`not ready after ${options.timeoutMs / 1000} s: ${whys}`, options.logOf(first.part.name)));
    }
    await delay(100);
  }
}

async function sentence(what: string, log: string): Promise<string> {
  const complaint = lastComplaint(await readFile(log, "utf8").catch(() => ""));
  return `${what}${complaint ? `: ${complaint}` : ""}; its log is ${log}`;
}
