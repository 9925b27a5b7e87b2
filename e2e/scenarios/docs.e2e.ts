import { type ChildProcess, spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, inject, test } from "vitest";
import { root } from "../src/cli.ts";

interface Example {
  readonly command: string;
  readonly output: string;
}

/** What the ```console blocks of a document show: each `$ command` with the lines under it. */
async function examples(document: string): Promise<Example[]> {
  const text = await readFile(join(root, document), "utf8");
  return [...text.matchAll(/^```console\n([\s\S]*?)^```/gm)].flatMap((block) =>
    (block[1] ?? "")
      .split(/^\$ /m)
      .filter(Boolean)
      .map((part) => {
        const [command = "", ...output] = part.trimEnd().split("\n");
        return { command, output: output.join("\n") };
      }),
  );
}

/** What differs from run to run: ids, times, digests, durations, counts of what other tests did, and how wide a column is because of them. */
const settle = (text: string): string =>
  text
    .trim()
    .replaceAll(inject("fabric"), ".aegis/data")
    .replace(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "<id>")
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "<time>")
    .replace(/\b\d+-[0-9a-f]{12}\b/g, "<version>")
    .replace(/\b\d+ ms\b/g, "<n> ms")
    .replace(/\d+ entries of \d+ tenants under \d+ checkpoints/, "<n> entries")
    .replace(/^(<time> +)\d+/gm, "$1<n>")
    .replace(/ +/g, " ");

/** One shell for a whole document, so that what one command sets the next one finds. */
class Shell implements Disposable {
  readonly #child: ChildProcess;
  #output = "";

  constructor(environment: Record<string, string>) {
    this.#child = spawn("bash", ["--norc"], { cwd: root, env: { ...process.env, ...environment }, stdio: ["pipe", "pipe", "pipe"] });
    this.#child.stdout?.on("data", (chunk) => {
      this.#output += chunk;
    });
  }

  async run(command: string): Promise<string> {
    const mark = `done-${crypto.randomUUID()}`;
    const from = this.#output.length;
    this.#child.stdin?.write(`{ ${command}\n} 2>&1; echo ${mark}\n`);
    await expect.poll(() => this.#output.slice(from).includes(mark), { timeout: 60_000 }).toBe(true);
    return this.#output.slice(from, this.#output.indexOf(mark, from));
  }

  [Symbol.dispose](): void {
    this.#child.kill();
  }
}

/** Commands that only look: what they show may need a moment to arrive. */
const looks = /\b(list|show|query|verify)\b/;

test.each(["README.md", "examples/langgraph/README.md"])("%s shows what really happens", async (document) => {
  using shell = new Shell({ AEGIS_ENDPOINTS: join(inject("fabric"), "endpoints.json") });
  const shown = await examples(document);
  expect(shown.length).toBeGreaterThan(2);
  for (const { command, output } of shown) {
    const really = async () => settle(await shell.run(command.replaceAll(".aegis/data", inject("fabric"))));
    if (looks.test(command)) await expect.poll(really, { timeout: 20_000 }).toBe(settle(output));
    else expect(await really(), command).toBe(settle(output));
  }
});
