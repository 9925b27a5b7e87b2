import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { mcpCall } from "./mcp.ts";

interface Case {
  readonly name: string;
  readonly server: string;
  readonly request: { readonly method: string; readonly params?: unknown };
  readonly call: unknown;
}

const { cases } = JSON.parse(readFileSync(join(import.meta.dirname, "../../../vectors/mcp/mapping.json"), "utf8")) as { cases: Case[] };

test.each(cases)("$name", ({ server, request, call }) => {
  expect(mcpCall(server, request) ?? null).toEqual(call);
});
