import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Endpoints, readEndpoints } from "@aegis/contracts/endpoints";
import { until } from "@aegis/testkit/until";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { dataDirectory } from "../src/fabric/data-directory.ts";
import { isAlive, type ProcessIdentity } from "../src/fabric/process-identity.ts";
import { readRecord } from "../src/fabric/record.ts";

const launcher = join(import.meta.dirname, "../../../aegis");

interface Run {
  status: number | null;
  stdout: string;
  stderr: string;
}

function aegis(args: readonly string[], environment: Record<string, string> = {}): Promise<Run> {
  return new Promise((resolve, reject) => {
    const child = spawn(launcher, args, { env: { ...process.env, ...environment }, stdio: ["ignore", "pipe", "pipe"] });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk: Buffer) => {
      stdout += chunk.toString("utf8");
    });
    child.stderr.on("data", (chunk: Buffer) => {
      stderr += chunk.toString("utf8");
    });
    child.once("error", reject);
    child.once("close", (status) => resolve({ status, stdout, stderr }));
  });
}

async function processesOf(root: string): Promise<ProcessIdentity[]> {
  const record = await readRecord(dataDirectory(root));
  return record ? [record.supervisor, ...record.parts.flatMap((part) => part.process ?? [])] : [];
}

interface Status {
  healthy: boolean;
  processes: { name: string; pid: number; health: string; restarts: number }[];
}

const statusOf = async (root: string): Promise<Status> =>
  JSON.parse((await aegis(["status", "--json", "--data-dir", root])).stdout) as Status;

let first: string;
let second: string;

beforeAll(async () => {
  first = await mkdtemp(join(tmpdir(), "aegis-up-a-"));
  second = await mkdtemp(join(tmpdir(), "aegis-up-b-"));
});

afterAll(async () => {
  for (const root of [first, second]) {
    await aegis(["down", "--data-dir", root]);
    await rm(root, { recursive: true, force: true });
  }
});

const up = (root: string, ...more: string[]) => aegis(["up", "--detach", "--ports", "auto", "--json", "--data-dir", root, ...more]);

describe("one after the other, on one fabric", { timeout: 180_000 }, () => {
  test("up --detach returns once every process is ready, with endpoints.json and nothing else on stdout", async () => {
    const { status, stdout, stderr } = await up(first);
    expect(status, stderr).toBe(0);
    const endpoints = readEndpoints(JSON.parse(stdout));
    expect(JSON.parse(await readFile(join(first, "endpoints.json"), "utf8"))).toEqual(endpoints);
    const { healthy, processes } = await statusOf(first);
    expect(healthy).toBe(true);
    expect(processes.map(({ name }) => name).sort()).toEqual(
      ["approvals", "audit", "authz-0", "budget", "issuer", "nats", "policy-compiler", "postgres", "signer", "token"].sort(),
    );
  });

  test("a second up finds the first one running", async () => {
    const { status, stdout, stderr } = await up(first);
    expect(status).toBe(0);
    expect(stderr).toContain("already running");
    expect(readEndpoints(JSON.parse(stdout))).toBeDefined();
  });

  test("keys are their owner's alone", () => {
    const { stdout } = spawnSync(
      "find",
      // Public keys are there to be handed on.
      [join(first, "keys"), "-type", "f", "-perm", "/077", "-not", "-name", "bundle-keys.json", "-not", "-name", "*.vkey*"],
      { encoding: "utf8" },
    );
    expect(stdout).toBe("");
  });

  test("what is killed comes back on its port: a service, NATS, PostgreSQL", async () => {
    const before = await statusOf(first);
    for (const name of ["authz-0", "nats", "postgres"]) process.kill(before.processes.find((one) => one.name === name)!.pid, "SIGKILL");
    const after = await until(
      async () => {
        const status = await statusOf(first);
        return status.healthy && status.processes.filter((one) => one.restarts > 0).length === 3 ? status : undefined;
      },
      { timeoutMs: 60_000 },
    );
    const authz = after.processes.find((one) => one.name === "authz-0")!;
    const endpoints = JSON.parse(await readFile(join(first, "endpoints.json"), "utf8")) as Endpoints;
    expect(endpoints.replicas.authz.map((replica) => replica.pid)).toEqual([authz.pid]);
  });

  test("a second fabric runs beside it, with three replicas of authz", async () => {
    const { status, stdout, stderr } = await up(second, "--replicas", "authz=3");
    expect(status, stderr).toBe(0);
    expect(readEndpoints(JSON.parse(stdout))?.replicas.authz).toHaveLength(3);
    expect((await statusOf(first)).healthy).toBe(true);
  });

  test("data survives down and up, and down leaves no process", async () => {
    const agent = ["--tenant", "acme", "--json", "--data-dir", first];
    const registered = await aegis(["agent", "register", "--agent", "a-1", "--owner", "o", "--scope", "tool:*", ...agent]);
    expect(registered.status, registered.stderr).toBe(0);
    const processes = await processesOf(first);
    expect(processes.length).toBeGreaterThan(10);
    expect((await aegis(["down", "--data-dir", first])).status).toBe(0);
    expect(processes.filter(isAlive)).toEqual([]);
    expect(existsSync(join(first, "endpoints.json"))).toBe(false);
    expect((await up(first)).status).toBe(0);
    const agents = JSON.parse((await aegis(["agent", "list", ...agent])).stdout) as { agent: string }[];
    expect(agents.map((one) => one.agent)).toEqual(["a-1"]);
  });

  test("a supervisor that is killed leaves nothing running, and the next up works", async () => {
    const processes = await processesOf(first);
    process.kill(processes[0]!.pid, "SIGKILL");
    await until(() => !processes.some(isAlive), { timeoutMs: 30_000 });
    const { status, stderr } = await up(first);
    expect(status, stderr).toBe(0);
  });
});

describe("a start that cannot work ends in one sentence and leaves nothing", { timeout: 60_000 }, () => {
  const sentence = (run: Run) => run.stderr.split("\n").filter((line) => line.startsWith("aegis: "));

  test("a taken port", async () => {
    const root = await mkdtemp(join(tmpdir(), "aegis-up-c-"));
    const server = createServer();
    // Held by us or by someone else: either way it is taken.
    await new Promise<void>((resolve) => server.once("error", () => resolve()).listen(9110, "127.0.0.1", resolve));
    try {
      const run = await aegis(["up", "--data-dir", root]);
      expect(run.status).toBe(1);
      expect(sentence(run)).toHaveLength(1);
      expect(sentence(run)[0]).toMatch(/9110 \(token\).*--ports auto/);
      expect(await processesOf(root)).toEqual([]);
    } finally {
      server.close();
      await rm(root, { recursive: true, force: true });
    }
  });

  test("a missing binary", async () => {
    const root = await mkdtemp(join(tmpdir(), "aegis-up-d-"));
    try {
      const run = await aegis(["up", "--detach", "--ports", "auto", "--data-dir", root], { AEGIS_NATS_SERVER: "/no/such/nats-server" });
      expect(run.status).toBe(1);
      expect(sentence(run)).toHaveLength(1);
      expect(sentence(run)[0]).toContain("/no/such/nats-server");
      expect(await processesOf(root)).toEqual([]);
    } finally {
      await rm(root, { recursive: true, force: true });
    }
  });
});
