import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import type { Command } from "commander";
import { action, repositoryRoot } from "../context.ts";
import { dataDirectory } from "../fabric/data-directory.ts";
import { Failure } from "../failure.ts";
import { summaries } from "./summaries.ts";

/** `aegis spool`: what authz processes recorded and the ledger does not have yet. */
export function spoolCommands(program: Command): void {
  const spool = program.command("spool").description(summaries.spool);
  spool
    .command("drain")
    .description("empty the spool of an authz replica that will not come back: send it, wait for the ledger, end")
    .argument("<directory>", "the replica's data directory, e.g. .aegis/data/authz-2")
    .option("--timeout <seconds>", "exit 1 when the ledger does not have everything by then", "600")
    .action(
      action<{ timeout: string }, [string]>(async (context, { timeout }, given) => {
        const directory = resolve(given);
        const spoolDirectory = join(directory, "spool");
        if (!existsSync(spoolDirectory)) throw new Failure(`${spoolDirectory} is no spool: name the data directory of an authz replica`);
        const { nats } = await context.endpoints();
        const keys = dataDirectory(dirname(directory)).keys;
        const instance = basename(directory);
        const file = (name: string) => (existsSync(join(keys, name)) ? join(keys, name) : undefined);
        const environment = {
          AEGIS_DRAIN_INSTANCE: instance,
          AEGIS_DRAIN_NATS_URL: nats,
          AEGIS_DRAIN_NATS_USER: file("authz.nats-password") && "authz",
          AEGIS_DRAIN_NATS_PASSWORD_FILE: file("authz.nats-password"),
          AEGIS_DRAIN_PRODUCER_KEY_FILE: file(`${instance}.producer.jwk`),
          AEGIS_DRAIN_SPOOL_DIRECTORY: spoolDirectory,
          AEGIS_DRAIN_TIMEOUT_SECONDS: timeout,
          AEGIS_DRAIN_LOG_LEVEL: "warn",
        };
        return run(join(repositoryRoot, "services", "authz", "src", "drain.ts"), environment);
      }),
    );
}

function run(script: string, environment: Readonly<Record<string, string | undefined>>): Promise<number> {
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", script], {
      cwd: repositoryRoot,
      env: { ...process.env, ...environment },
      stdio: ["ignore", "inherit", "inherit"],
    });
    child.once("error", fail);
    child.once("exit", (code) => done(code ?? 1));
  });
}
