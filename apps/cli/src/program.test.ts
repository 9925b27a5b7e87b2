import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { summaries } from "./commands/summaries.ts";
import { createProgram } from "./program.ts";

test("every command of the first level has its line in the help, whether it is loaded or not", async () => {
  const told = (commands: Awaited<ReturnType<typeof createProgram>>["commands"]) =>
    Object.fromEntries(commands.map((command) => [command.name(), command.description()]));
  expect(told((await createProgram()).commands)).toEqual(summaries);
  expect(told((await createProgram(["--help"])).commands)).toEqual(summaries);
});

test("a command is found after global options, too", async () => {
  const program = await createProgram(["--tenant", "acme", "agent", "revoke"]);
  const agent = program.commands.find((command) => command.name() === "agent");
  expect(agent?.commands.map((command) => command.name())).toContain("revoke");
});

/** Prints the URL of every module that is loaded. */
const tracing = `import { registerHooks } from "node:module";
registerHooks({ load(url, context, next) { process.stderr.write("module " + url + "\\n"); return next(url, context); } });`;

test("a kill switch waits for nothing that it does not need: no schemas, no NATS, no key library in whole", () => {
  const main = join(import.meta.dirname, "main.ts");
  const args = ["agent", "revoke", "an-agent", "--tenant", "acme", "--endpoints", "/nowhere/endpoints.json"];
  const { stderr } = spawnSync(process.execPath, ["--import", `data:text/javascript,${encodeURIComponent(tracing)}`, main, ...args], {
    encoding: "utf8",
  });
  expect(stderr).toContain("no fabric is running here");
  const modules = stderr.split("\n").filter((line) => line.startsWith("module "));
  expect(modules.filter((line) => /zod|nats|undici|jose\/dist\/webapi\/index/.test(line))).toEqual([]);
  expect(modules.length).toBeLessThan(80);
});
