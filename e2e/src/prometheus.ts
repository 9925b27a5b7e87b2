import { execFile, spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Endpoints } from "@aegis/contracts/endpoints";
import { freePort } from "@aegis/infra/ports";
import { findTool } from "@aegis/infra/tools";
import { root } from "./cli.ts";

const run = promisify(execFile);
const directories = [join(root, ".aegis", "tools")];

/** Prometheus and its checker, where the suite found or fetched them. */
export async function prometheusTools(): Promise<{ prometheus: string; promtool: string } | undefined> {
  const [prometheus, promtool] = await Promise.all([findTool("prometheus", { directories }), findTool("promtool", { directories })]);
  return prometheus && promtool ? { prometheus, promtool } : undefined;
}

/** Runs promtool in `deploy/prometheus`; gives what it said, and throws when it is not content. */
export async function promtool(tool: string, args: readonly string[], input?: string): Promise<string> {
  const child = run(tool, args, { cwd: join(root, "deploy", "prometheus") });
  child.child.stdin?.end(input ?? "");
  const { stdout, stderr } = await child.catch((error: { stdout: string; stderr: string }) => {
    throw new Error(`promtool ${args.join(" ")}: ${error.stdout}${error.stderr}`);
  });
  return `${stdout}${stderr}`;
}

export interface RunningPrometheus extends AsyncDisposable {
  /** What an instant query gives now: the values of every series. */
  query(expression: string): Promise<number[]>;
  /** Health of each target by its job. */
  targets(): Promise<Record<string, string>>;
}

/** A real Prometheus with the configuration that is deployed, but for where this fabric listens and how often it is asked. */
export async function startPrometheus(binary: string, endpoints: Endpoints): Promise<RunningPrometheus> {
  const directory = await mkdtemp(join(tmpdir(), "prometheus-"));
  const shipped = await readFile(join(root, "deploy", "prometheus", "prometheus.yml"), "utf8");
  const places: Record<string, string> = {
    9190: endpoints.authz.http,
    9110: endpoints.token.http,
    9120: endpoints["policy-compiler"].http,
    9130: endpoints.approvals.http,
    9140: endpoints.budget.http,
    9150: endpoints.audit.http,
  };
  const own = shipped
    .replace(/127\.0\.0\.1:(\d+)/g, (_, port: string) => new URL(places[port] ?? "http://127.0.0.1:1").host)
    .replace(/_interval: 15s/g, "_interval: 1s")
    .replace("[alerts.yml]", `[${join(root, "deploy", "prometheus", "alerts.yml")}]`);
  await writeFile(join(directory, "prometheus.yml"), own);
  const port = await freePort();
  const child = spawn(
    binary,
    [
      `--config.file=${join(directory, "prometheus.yml")}`,
      `--storage.tsdb.path=${join(directory, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { stdio: "ignore" },
  );
  const exited = new Promise((resolve) => child.once("exit", resolve));
  const ask = async (path: string) => (await (await fetch(`http://127.0.0.1:${port}${path}`)).json()) as { data: never };
  return {
    async query(expression) {
      const { data } = (await ask(`/api/v1/query?query=${encodeURIComponent(expression)}`)) as {
        data?: { result: { value: [number, string] }[] };
      };
      return (data?.result ?? []).map(({ value }) => Number(value[1]));
    },
    async targets() {
      const { data } = (await ask("/api/v1/targets")) as unknown as {
        data: { activeTargets: { labels: { job: string }; health: string }[] };
      };
      return Object.fromEntries(data.activeTargets.map(({ labels, health }) => [labels.job, health]));
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await exited;
      await rm(directory, { recursive: true, force: true });
    },
  };
}
