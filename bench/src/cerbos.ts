import { spawn } from "node:child_process";
import { mkdtemp, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { freePort } from "@aegis/infra/ports";
import type { Target } from "./rounds.ts";

const require = createRequire(import.meta.url);

/** Starts Cerbos from its npm package with the same payment rule and its file audit on. `placed` makes the command that starts it where it is to run. */
export async function startCerbos(
  placed: (command: readonly string[]) => readonly string[] = (command) => command,
): Promise<AsyncDisposable & { readonly target: Target; readonly version: string; readonly pid: number }> {
  const [httpPort, grpcPort] = [await freePort(), await freePort()];
  const packaged = `@cerbos/cerbos-${process.platform}-${process.arch}`;
  const binary = require.resolve(packaged, { paths: [dirname(require.resolve("cerbos/package.json"))] });
  const work = await mkdtemp(join(tmpdir(), "cerbos-"));
  const configuration = join(work, "config.yaml");
  await writeFile(
    configuration,
    JSON.stringify({
      server: { httpListenAddr: `127.0.0.1:${httpPort}`, grpcListenAddr: `127.0.0.1:${grpcPort}`, logRequestPayloads: false },
      telemetry: { disabled: true },
      storage: { driver: "disk", disk: { directory: join(import.meta.dirname, "../cerbos/policies") } },
      audit: {
        enabled: true,
        accessLogsEnabled: false,
        decisionLogsEnabled: true,
        backend: "file",
        file: { path: join(work, "audit.log") },
      },
    }),
  );
  const [program = "", ...args] = placed([binary, "server", `--config=${configuration}`, "--log-level=error"]);
  const child = spawn(program, args, { stdio: "ignore" });
  for (let attempt = 0; ; attempt++) {
    const up = await fetch(`http://127.0.0.1:${httpPort}/_cerbos/health`).then(
      (answer) => answer.ok,
      () => false,
    );
    if (up) break;
    if (attempt > 100 || child.exitCode !== null) throw new Error("cerbos did not start");
    await pause(100);
  }
  return {
    pid: child.pid ?? 0,
    version: (require("cerbos/package.json") as { version: string }).version,
    target: {
      pid: child.pid ?? 0,
      address: `127.0.0.1:${grpcPort}`,
      path: "/cerbos.svc.v1.CerbosService/CheckResources",
      message: checkResources().toString("base64"),
      // Field 1, request_id "r-1".
      expect: "0a03722d31",
    },
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGTERM");
    },
  };
}

/**
 * cerbos.request.v1.CheckResourcesRequest: request_id 1, principal 3 { id 1, roles 3 }, resources 4 { actions 1, resource 2 { kind 1, id 3, attr 4 } }.
 * Written by hand: five fields do not justify a vendored schema.
 */
function checkResources(): Buffer {
  const field = (number: number, payload: Buffer) => Buffer.concat([varint((number << 3) | 2), varint(payload.length), payload]);
  const text = (number: number, value: string) => field(number, Buffer.from(value));
  const stringValue = (value: string) => text(3, value);
  const numberValue = (value: number) => {
    const bytes = Buffer.alloc(9);
    bytes[0] = (2 << 3) | 1;
    bytes.writeDoubleLE(value, 1);
    return bytes;
  };
  const attribute = (key: string, value: Buffer) => field(4, Buffer.concat([text(1, key), field(2, value)]));
  const resource = Buffer.concat([
    text(1, "stripe_payments"),
    text(3, "payment"),
    attribute("amount", numberValue(4200)),
    attribute("currency", stringValue("USD")),
    attribute("recipient", stringValue("acct_ink")),
    attribute("memo", stringValue("invoice 17")),
  ]);
  return Buffer.concat([
    text(1, "r-1"),
    field(3, Buffer.concat([text(1, "finance-agent"), text(3, "finance_agent")])),
    field(4, Buffer.concat([text(1, "create_payment"), field(2, resource)])),
  ]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 0x80) return Buffer.from([...bytes, rest]);
    bytes.push((rest & 0x7f) | 0x80);
  }
}
