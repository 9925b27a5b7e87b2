import { rmSync, writeFileSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Endpoints } from "@aegis/contracts/endpoints";
import { type RunningProcess, startProcess } from "@aegis/infra/process";
import { readJson, writeAtomically } from "../files.ts";
import type { DataDirectory } from "./data-directory.ts";
import { prepareDataDirectory } from "./data-space.ts";
import { endpointsOf, type FabricSurroundings } from "./endpoints.ts";
import { checkpointVkey, ensureKeys } from "./keys.ts";
import { PartLog } from "./part-log.ts";
import { type AuthzProcesses, automaticPorts, fixedPorts, type Ports, requireFree } from "./ports.ts";
import { yieldProcessor } from "./priority.ts";
import { identify } from "./process-identity.ts";
import { instancesOf, issuerCommand, type ProcessPlan, serviceCommand, signerCommand } from "./processes.ts";
import { waitUntilReady } from "./readiness.ts";
import { startReaper } from "./reaper.ts";
import { endOrphans, type PartRecord, writeRecord } from "./record.ts";
import { startStores } from "./stores.ts";
import { Supervisor } from "./supervisor.ts";

export interface RunOptions {
  directory: DataDirectory;
  /** Documented ports, or any that are free. */
  ports: "fixed" | "auto";
  authz: AuthzProcesses;
  logLevel: string;
  readyTimeoutMs?: number;
  onLine: (process: string, line: string) => void;
  onProgress: (text: string) => void;
  /** Aborts a start under way. */
  stopping: AbortSignal;
}

export interface RunningFabric {
  endpoints: Endpoints;
  /** Stops every process and takes back what says that a fabric runs here. */
  stop(): Promise<void>;
}

/**
 * Starts NATS, PostgreSQL and every service under supervision and waits until all are ready.
 * When that fails, everything started is stopped again before the failure is thrown.
 */
export async function runFabric(options: RunOptions): Promise<RunningFabric> {
  const { directory } = options;
  await prepareDataDirectory(directory.root);
  const orphans = await endOrphans(directory);
  if (orphans.length > 0) options.onProgress(`ended what a killed run left: ${orphans.join(", ")}`);
  await Promise.all(
    [join(directory.root, "run"), directory.logs, directory.checkpoints, directory.signer].map((path) => mkdir(path, { recursive: true })),
  );
  const ports = await choosePorts(options);
  const run = new Run(options, ports);
  try {
    await run.start();
  } catch (caught) {
    await run.stop();
    throw caught;
  }
  return { endpoints: run.endpoints(), stop: () => run.stop() };
}

async function choosePorts({ ports, directory, authz }: RunOptions): Promise<Ports> {
  if (ports === "auto") {
    const chosen = await automaticPorts(authz, await readJson<Ports>(directory.ports));
    await writeAtomically(directory.ports, JSON.stringify(chosen));
    return chosen;
  }
  const fixed = fixedPorts(authz);
  const { nats, postgres, ...own } = fixed;
  await requireFree({
    ...own,
    ...(process.env.AEGIS_NATS_URL ? {} : { nats }),
    ...(process.env.AEGIS_POSTGRES_URL ? {} : { postgres }),
  });
  return fixed;
}

const recordAgainMs = 2_000;

class Run {
  readonly #options: RunOptions;
  readonly #ports: Ports;
  readonly #logs = new Map<string, PartLog>();
  readonly #supervisor: Supervisor;
  readonly #since = new Date().toISOString();
  readonly #pidsFile: string;
  #around: FabricSurroundings | undefined;
  #ready = false;
  #stopped = false;
  /** Writes the record once more after it could not be written. */
  #again: NodeJS.Timeout | undefined;
  /** Records are written one after the other. */
  #writing: Promise<void> = Promise.resolve();

  constructor(options: RunOptions, ports: Ports) {
    this.#options = options;
    this.#ports = ports;
    this.#pidsFile = join(options.directory.root, "run", "pids");
    this.#supervisor = new Supervisor({
      onChange: (parts) => this.#recordChange(parts),
      onCrash: (name, why, restarts) => options.onProgress(`${name} ended (${why}); restart ${restarts}`),
    });
  }

  async start(): Promise<void> {
    const { directory, authz, logLevel, onProgress, stopping } = this.#options;
    const reaper = startReaper(this.#pidsFile);
    reaper.on("error", () => onProgress("no /bin/sh: children will not notice if this process is killed"));
    const instances = instancesOf(authz.count);
    const keys = await ensureKeys(directory, instances);
    onProgress("starting NATS and PostgreSQL ...");
    const stores = await startStores({
      directory,
      ports: this.#ports,
      supervisor: this.#supervisor,
      log: (name) => this.#log(name).write,
    });
    const around: FabricSurroundings = {
      directory,
      keys,
      ports: this.#ports,
      logLevel,
      authzSharesPort: authz.onePort,
      issuerUrl: `http://127.0.0.1:${this.#ports.issuer}`,
      checkpointVkey: await checkpointVkey(directory, keys),
      ...stores,
    };
    this.#around = around;
    const commands = [issuerCommand(around), signerCommand(around), ...instances.map((instance) => serviceCommand(around, instance))];
    for (const plan of commands) {
      stopping.throwIfAborted();
      await this.#supervisor.start({ ...plan, start: () => this.#startProcess(plan) });
    }
    let said = "";
    await waitUntilReady({
      parts: () => this.#supervisor.parts(),
      logOf: (name) => directory.log(name),
      onProgress: (ready, of, waitingFor) => {
        const text = `${ready} of ${of} ready${waitingFor.length > 0 ? `, waiting for ${waitingFor.join(", ")}` : ""}`;
        if (text !== said) onProgress(text);
        said = text;
      },
      stopping,
      timeoutMs: this.#options.readyTimeoutMs ?? 120_000,
    });
    this.#ready = true;
    this.#recordChange(this.#supervisor.parts());
    await this.#writing;
  }

  async #startProcess({ name, command, nice }: ProcessPlan): Promise<RunningProcess> {
    const running = await startProcess(command, { onOutput: this.#log(name).write });
    if (nice > 0) yieldProcessor(running.pid, nice);
    return running;
  }

  endpoints(): Endpoints {
    if (!this.#around) throw new RangeError("the fabric has not started");
    return endpointsOf(this.#around, this.#supervisor.parts());
  }

  async stop(): Promise<void> {
    const { directory } = this.#options;
    await rm(directory.endpoints, { force: true });
    this.#ready = false;
    await this.#supervisor.stop();
    this.#stopped = true;
    clearTimeout(this.#again);
    await this.#writing;
    rmSync(this.#pidsFile, { force: true });
    await rm(directory.record, { force: true });
    await Promise.all([...this.#logs.values()].map((log) => log.close()));
  }

  #log(name: string): PartLog {
    const known = this.#logs.get(name);
    if (known) return known;
    const log = new PartLog(this.#options.directory.log(name), (line) => this.#options.onLine(name, line));
    this.#logs.set(name, log);
    return log;
  }

  #recordChange(parts: PartRecord[]): void {
    const { directory } = this.#options;
    clearTimeout(this.#again);
    const supervisor = identify(process.pid);
    const endpoints = this.#ready && parts.every((part) => part.process !== undefined) ? this.endpoints() : undefined;
    try {
      writeFileSync(this.#pidsFile, parts.flatMap((part) => part.process?.pid ?? []).join("\n"));
    } catch (caught) {
      this.#recordLater(caught as Error);
    }
    this.#writing = this.#writing
      .then(async () => {
        if (supervisor) await writeRecord(directory, { supervisor, since: this.#since, parts });
        if (endpoints) await writeAtomically(directory.endpoints, JSON.stringify(endpoints, null, 2));
      })
      .catch((error: Error) => this.#recordLater(error));
  }

  /** What could not be written, as on a full disk, is written once there is room, even when nothing changes any more. */
  #recordLater(error: Error): void {
    clearTimeout(this.#again);
    if (this.#stopped) return;
    this.#options.onProgress(`cannot write the record: ${error.message}`);
    this.#again = setTimeout(() => this.#recordChange(this.#supervisor.parts()), recordAgainMs).unref();
  }
}
