#!/usr/bin/env node
import { CommanderError } from "commander";
import { exit, failureOf, usageSentence } from "./failure.ts";
import { visible } from "./output.ts";
import { createProgram } from "./program.ts";

/** Runs one command line; the exit status says how it ended. */
async function main(argv: readonly string[]): Promise<void> {
  try {
    await (await createProgram(argv)).parseAsync(argv, { from: "user" });
  } catch (caught) {
    if (caught instanceof CommanderError) {
      process.exitCode = caught.exitCode === 0 ? exit.ok : exit.usage;
      if (caught.exitCode !== 0 && argv.includes("--json")) writeError({ message: usageSentence(caught) });
      return;
    }
    const failure = failureOf(caught);
    process.exitCode = failure.exitCode;
    process.stderr.write(`aegis: ${visible(failure.message)}\n`);
    if (process.env.AEGIS_DEBUG) console.error(caught);
    if (argv.includes("--json")) writeError({ message: failure.message, ...(failure.code === undefined ? {} : { code: failure.code }) });
  }
}

/** The one JSON document of a command that failed. */
const writeError = (error: { message: string; code?: string }): boolean => process.stdout.write(`${JSON.stringify({ error })}\n`);

/** A reader that closes early (`aegis … | head`) ends the command quietly. */
process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? exit.ok : exit.failed));

await main(process.argv.slice(2));
