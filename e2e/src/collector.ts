import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "@aegis/infra/ports";
import { findTool } from "@aegis/infra/tools";
import { until } from "@aegis/testkit/until";
import { root } from "./cli.ts";

/** An OpenTelemetry Collector (`e2e/collector`), where the suite built one. */
export const otelcol = await findTool("otelcol", { directories: [join(root, ".aegis", "tools")] });

export interface RunningCollector extends AsyncDisposable {
  /** Where it takes OTLP over HTTP. */
  readonly url: string;
}

/** A real collector that takes OTLP and hands on whatever it understood to `next`. */
export async function startCollector(binary: string, next: string): Promise<RunningCollector> {
  const directory = await mkdtemp(join(tmpdir(), "otelcol-"));
  const port = await freePort();
  const config = {
    receivers: { otlp: { protocols: { http: { endpoint: `127.0.0.1:${port}` } } } },
    exporters: { otlp_http: { endpoint: next, tls: { insecure: true }, sending_queue: { enabled: false } } },
    service: {
      telemetry: { metrics: { level: "none" }, logs: { level: "warn" } },
      pipelines: { traces: { receivers: ["otlp"], exporters: ["otlp_http"] } },
    },
  };
  const file = join(directory, "config.yaml");
  // JSON is YAML, too.
  await writeFile(file, JSON.stringify(config));
  const child = spawn(binary, ["--config", `file:${file}`], { stdio: ["ignore", "ignore", "inherit"] });
  const exited = new Promise((resolve) => child.once("exit", resolve));
  const url = `http://127.0.0.1:${port}`;
  // It answers 405 to what is no POST.
  await until(async () => (await fetch(`${url}/v1/traces`)).status === 405, { what: "the collector is ready", timeoutMs: 30_000 });
  return {
    url,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await exited;
      await rm(directory, { recursive: true, force: true });
    },
  };
}
