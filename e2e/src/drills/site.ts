import { execFileSync } from "node:child_process";
import { mkdtempSync, rmdirSync } from "node:fs";
import { mkdir, mkdtemp, readFile, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { natsServer, postgresServer, type TestServer } from "@aegis/testkit/servers";
import { until } from "@aegis/testkit/until";
import { barePayments } from "../documents.ts";
import { type Fabric, startFabricIn } from "../fabric.ts";
import { type Orders, ordersVariable, type Sabotage, sabotages, writeOrders } from "../faults/orders.ts";
import { type Tenant, tenantOn } from "../tenant.ts";
import { Ledger } from "./ledger.ts";

/** The planted defect of this run: `AEGIS_DRILL_SABOTAGE`. With one the drill has to find something. */
export function sabotageOf(environment = process.env): Sabotage | undefined {
  const name = environment.AEGIS_DRILL_SABOTAGE;
  if (name === undefined || name === "") return undefined;
  const known = sabotages.find((one) => one === name);
  if (known === undefined) throw new RangeError(`there is no sabotage "${name}": ${sabotages.join(", ")}`);
  return known;
}

/** A fabric to be ill-treated: its servers are the drill's own, and its authz and audit run with test doubles around their edges. */
export interface Site extends AsyncDisposable {
  readonly fabric: Fabric;
  readonly nats: TestServer;
  readonly postgres: TestServer;
  readonly tenant: Tenant;
  /** A fresh token of the agent, good for some minutes. */
  token(): Promise<string>;
  readonly ledger: Ledger;
  /** Gives new orders; the planted defect of this run is part of all. */
  order(orders: Orders): void;
  readonly ordersFile: string;
  /** SIGKILL. Resolves to the milliseconds until it is ready again. */
  kill(name: string): Promise<number>;
  pid(name: string): Promise<number | undefined>;
  isReady(name: string): Promise<boolean>;
  /** Waits for it. Says the end of its log when it waits in vain. */
  ready(name: string): Promise<void>;
}

interface RunRecord {
  readonly parts: readonly { readonly name: string; readonly process?: { readonly pid: number }; readonly url?: string }[];
}

/** `spoolMegabytes`: authz's spool lies on a file system of this size. Undefined when this machine cannot mount one. */
export async function startSite(options: { spoolMegabytes?: number; sabotage?: Sabotage | undefined } = {}): Promise<Site | undefined> {
  const directory = await mkdtemp(join(tmpdir(), "aegis-drill-"));
  await using started = new AsyncDisposableStack();
  if (options.spoolMegabytes !== undefined) {
    const mounted = mountTmpfs(options.spoolMegabytes);
    if (mounted === undefined) return undefined;
    started.defer(mounted.unmount);
    // A link, because the fabric removes its directory when it stops, and nobody can remove what is mounted.
    await mkdir(join(directory, "authz-0"), { mode: 0o700 });
    await symlink(mounted.path, join(directory, "authz-0", "spool"));
  }
  const ordersFile = join(directory, "orders.json");
  const order = (orders: Orders) => writeOrders(ordersFile, { sabotage: options.sabotage, ...orders });
  order({});
  const [nats, postgres] = [started.use(await natsServer()), started.use(await postgresServer())];
  const preload = join(import.meta.dirname, "../faults/preload.ts");
  const environment = {
    [ordersVariable]: ordersFile,
    NODE_OPTIONS: `--import=${preload}`,
    AEGIS_NATS_URL: nats.url,
    AEGIS_POSTGRES_URL: postgres.url,
  };
  const fabric = started.use(await startFabricIn(directory, environment));
  const tenant = tenantOn(fabric, "drill");
  await tenant.publish(barePayments);
  await tenant.register("finance-agent");
  const issue = ["token", "issue", "--tenant", tenant.name, "--agent", "finance-agent"];
  const token = async () => (await tenant.cli.json<{ access_token: string }>(issue)).access_token;
  const part = async (name: string) => {
    const record = JSON.parse(await readFile(join(directory, "run", "record.json"), "utf8")) as RunRecord;
    return record.parts.find((one) => one.name === name);
  };
  const pid = async (name: string) => (await part(name))?.process?.pid;
  const isReady = async (name: string) => {
    const answer = await fetch(`${(await part(name))?.url}/readyz`, { signal: AbortSignal.timeout(2_000) }).catch(() => undefined);
    return answer?.status === 200;
  };
  const ready = (name: string, back: () => Promise<boolean> = () => isReady(name)) =>
    until(back, { what: `${name} is ready again`, timeoutMs: 90_000, intervalMs: 20 }).then(
      () => undefined,
      async (error: Error) => {
        const log = await readFile(join(directory, "logs", `${name}.log`), "utf8").catch(() => "no log");
        throw new Error(`${error.message}\n${log.slice(-3_000)}`);
      },
    );
  const ledger = new Ledger(fabric.endpoints.postgresSuperuser, tenant.name);
  const resources = started.move();
  return {
    ...{ fabric, nats, postgres, tenant, token, ledger, order, ordersFile, pid, isReady, ready },
    async kill(name) {
      const before = await until(() => pid(name), { what: `${name} runs`, timeoutMs: 30_000 });
      process.kill(before, "SIGKILL");
      const killedAt = performance.now();
      await ready(name, async () => (await pid(name)) !== before && (await isReady(name)));
      return performance.now() - killedAt;
    },
    [Symbol.asyncDispose]: () => resources[Symbol.asyncDispose](),
  };
}

/** A file system of its own of this size; undefined where this user may not mount one. */
function mountTmpfs(megabytes: number): { path: string; unmount(): void } | undefined {
  const path = mkdtempSync(join(tmpdir(), "aegis-disk-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m,mode=700`, "tmpfs", path], { stdio: "ignore" });
  } catch {
    rmdirSync(path);
    return undefined;
  }
  return {
    path,
    unmount() {
      execFileSync("umount", ["--lazy", path], { stdio: "ignore" });
      rmdirSync(path);
    },
  };
}
