import { spawn } from "node:child_process";
import { openSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { freePort } from "@aegis/infra/ports";
import { findTool, runTool } from "@aegis/infra/tools";
import type { Target } from "./rounds.ts";

const rules = `package payments

default allow := false

allow if {
	input.tool == "stripe-payments"
	input.action == "create_payment"
	input.agent == "finance-agent"
	input.arguments.amount > 0
	input.arguments.amount <= 5000
	input.arguments.currency in {"USD", "EUR"}
	regex.match("^acct_[a-z0-9]+$", input.arguments.recipient)
	count(object.get(input.arguments, "memo", "")) <= 200
}
`;

/** OPA's own server with the same payment rule and its decision log written to a file; undefined where there is no OPA. `placed` as Cerbos'. */
export async function startOpa(
  placed: (command: readonly string[]) => readonly string[] = (command) => command,
): Promise<(AsyncDisposable & { readonly target: Target; readonly version: string }) | undefined> {
  const opa = await findTool("opa", { named: process.env.AEGIS_OPA, directories: [join(import.meta.dirname, "../../.aegis/tools")] });
  if (opa === undefined) return undefined;
  const work = await mkdtemp(join(tmpdir(), "opa-bench-"));
  const [policy, configuration] = [join(work, "payments.rego"), join(work, "config.json")];
  await writeFile(policy, rules);
  await writeFile(configuration, JSON.stringify({ decision_logs: { console: true } }));
  const address = `127.0.0.1:${await freePort()}`;
  const log = openSync(join(work, "decisions.log"), "a");
  const [program = "", ...args] = placed([
    opa,
    "run",
    "--server",
    "--h2c",
    "--addr",
    address,
    "--log-level",
    "error",
    "--config-file",
    configuration,
    policy,
  ]);
  const child = spawn(program, args, { stdio: ["ignore", log, log] });
  for (let attempt = 0; ; attempt++) {
    const up = await fetch(`http://${address}/health`).then(
      (answer) => answer.ok,
      () => false,
    );
    if (up) break;
    if (attempt > 100 || child.exitCode !== null) throw new Error("opa did not start");
    await pause(100);
  }
  const call = { amount: 4200, currency: "USD", recipient: "acct_ink", memo: "invoice 17" };
  const input = { agent: "finance-agent", tool: "stripe-payments", action: "create_payment", arguments: call };
  return {
    version: /Version: (\S+)/.exec(await runTool(opa, ["version"]))?.[1] ?? "",
    target: {
      pid: child.pid ?? 0,
      address,
      path: "/v1/data/payments/allow",
      message: Buffer.from(JSON.stringify({ input })).toString("base64"),
      plain: true,
      expect: Buffer.from('"result":true').toString("hex"),
    },
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await rm(work, { recursive: true, force: true });
    },
  };
}
