import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { completionScript } from "./completion.ts";
import { createProgram } from "./program.ts";

test("bash completes commands, subcommands and options of the tree", async () => {
  const script = completionScript(await createProgram(), "bash", "aegis");
  const complete = (...words: string[]) => {
    const given = words.map((word) => `'${word}'`).join(" ");
    const run = `${script}\nCOMP_WORDS=(${given}); COMP_CWORD=${words.length - 1}; _aegis; echo "\${COMPREPLY[@]}"`;
    return spawnSync("bash", ["-c", run], { encoding: "utf8" }).stdout.trim().split(" ");
  };
  expect(complete("aegis", "app")).toEqual(["approvals"]);
  expect(complete("aegis", "token", "iss")).toEqual(["issue"]);
  expect(complete("aegis", "token", "issue", "--ag")).toEqual(["--agent"]);
  expect(complete("aegis", "--json", "up", "--det")).toEqual(["--detach"]);
});

test("zsh and fish get a script, too", async () => {
  expect(completionScript(await createProgram(), "zsh", "aegis")).toContain("#compdef aegis");
  expect(completionScript(await createProgram(), "fish", "aegis")).toContain("-a approve -d");
});
