import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, inject, test } from "vitest";
import { root } from "../src/cli.ts";

/** Commands that a document shows but that this test is itself inside of. */
const outside = /^\.\/aegis (up|down|test|bench)\b/;

/** The shell lines of a document, in order. */
async function snippets(document: string): Promise<string> {
  const text = await readFile(join(root, document), "utf8");
  const blocks = [...text.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map((match) => match[1] ?? "");
  return blocks
    .join("\n")
    .split("\n")
    .filter((line) => !outside.test(line.trim()))
    .join("\n");
}

test.each(["README.md", "examples/langgraph/README.md"])("every snippet of %s runs, in the order it is read", async (document) => {
  const script = (await snippets(document)).replaceAll(".aegis/data", inject("fabric"));
  expect(script).toContain("./aegis");
  const child = spawn("bash", ["-e", "-o", "pipefail", "-c", script], {
    cwd: root,
    env: { ...process.env, AEGIS_ENDPOINTS: join(inject("fabric"), "endpoints.json") },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk) => {
      output += chunk;
    });
  }
  const code = await new Promise((resolve) => child.on("close", resolve));
  expect(code, output).toBe(0);
});
