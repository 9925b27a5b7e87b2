import { setTimeout as delay } from "node:timers/promises";
import type { Endpoints } from "@aegis/contracts/endpoints";
import { Failure, failureOf } from "../failure.ts";
import { readJson } from "../files.ts";
import type { Output } from "../output.ts";
import { tell } from "./detach.ts";
import { isChatter, readable } from "./log-format.ts";
import { isAlive, type ProcessIdentity, signalGroup } from "./process-identity.ts";
import { readRecord, releaseLock, takeLock } from "./record.ts";
import { type RunOptions, runFabric } from "./run-fabric.ts";

export interface ForegroundOptions extends Pick<RunOptions, "directory" | "ports" | "authz" | "logLevel"> {
  output: Output;
  /** Started by `up --detach`: speaks to it instead of to a terminal. */
  supervised: boolean;
  show: (endpoints: Endpoints) => void;
}

/** Runs a fabric in this process until it is told to stop; gives the exit status. */
export async function foreground(options: ForegroundOptions): Promise<number> {
  const { directory, output, supervised } = options;
  const stop = stopSignal(options);
  const stopping = stop.signal;
  // The command that waits for readiness went away: nobody wants this fabric.
  const abandoned = () => stop.abort(new Failure("stopped"));
  process.once("disconnect", abandoned);
  const holder = await takeLock(directory);
  if (holder) return awaitOther(options, holder);
  // Until all is ready the files keep what processes say: a start that fails ends in one sentence, not in a page.
  let ready = false;
  const progress = (text: string) => (supervised ? tell({ kind: "progress", text }) : output.progress(text));
  try {
    const fabric = await runFabric({
      ...options,
      onProgress: progress,
      onLine: (process, line) => {
        if (ready && !supervised && !isChatter(process, line)) output.progress(readable(process, line));
      },
      stopping,
    });
    ready = true;
    process.off("disconnect", abandoned);
    if (supervised) tell({ kind: "ready" });
    else options.show(fabric.endpoints);
    if (!stopping.aborted) await new Promise((resolve) => stopping.addEventListener("abort", resolve, { once: true }));
    progress("stopping ...");
    await fabric.stop();
    return 0;
  } catch (caught) {
    if (stopping.aborted) return 1;
    if (!supervised) throw caught;
    const failure = failureOf(caught);
    console.error(caught);
    tell({ kind: "failed", sentence: failure.message });
    return failure.exitCode;
  } finally {
    await releaseLock(directory);
    if (process.connected) process.disconnect();
  }
}

/** Aborts on the first Ctrl-C or SIGTERM; the second ends everything at once. */
function stopSignal({ directory, output }: ForegroundOptions): AbortController {
  const stop = new AbortController();
  const onSignal = async () => {
    if (!stop.signal.aborted) return stop.abort(new Failure("stopped"));
    output.progress("ending everything now");
    for (const part of (await readRecord(directory))?.parts ?? []) if (part.process) signalGroup(part.process.pid, "SIGKILL");
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, onSignal);
  return stop;
}

/** Another process holds the data directory: waits until it is ready and shows the same endpoints. */
async function awaitOther({ directory, output, supervised, show }: ForegroundOptions, holder: ProcessIdentity): Promise<number> {
  output.progress(`already running in ${directory.root} (pid ${holder.pid})`);
  for (let waited = 0; isAlive(holder) && waited < 120_000; waited += 200) {
    const endpoints = await readJson<Endpoints>(directory.endpoints);
    if (endpoints) {
      if (supervised) tell({ kind: "ready" });
      else show(endpoints);
      if (process.connected) process.disconnect();
      return 0;
    }
    await delay(200);
  }
  const failure = new Failure(`the fabric that is starting in ${directory.root} did not become ready; its logs are in ${directory.logs}`);
  if (!supervised) throw failure;
  tell({ kind: "failed", sentence: failure.message });
  return failure.exitCode;
}
