import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { compile } from "../language/compile.ts";
import { prepare } from "./snapshot.ts";

const { allow, cases } = JSON.parse(readFileSync(new URL("../../../../vectors/egress/tricks.json", import.meta.url), "utf8")) as {
  allow: unknown;
  cases: { name: string; url: string; method: string; passes: boolean }[];
};
const text = `{"apiVersion":"aegis.dev/v1","kind":"AgentPolicy","metadata":{"name":"egress"},"spec":{"agents":["a"],"egress":{"allow":${JSON.stringify(allow)}},
  "tools":[{"name":"http","justification":"calls out","actions":[{"name":"call"}]}]}}`;
const compiled = compile([{ name: "policy.yaml", text }], { tenant: "acme" });
if (!compiled.ok) throw new Error(JSON.stringify(compiled.faults));
const snapshot = prepare({ tenant: "acme", revision: 1, version: "1-0", digest: "sha256:0", policies: compiled.policies });
const principal = { tenant: "acme", agent: "a", subject: "a", chain: ["a"], depth: 0, scope: ["http:*"] };

test.each(cases)("egress, $name", ({ url, method, passes }) => {
  const destination = { url, ...(method !== "" && { method }) };
  const call = { principal, tool: "http", action: "call", arguments: {}, context: {}, now: 0, findings: [] };
  const { decision, reasons } = snapshot.evaluate({ ...call, destination });
  expect([decision, ...reasons.map(({ code }) => code)]).toEqual(passes ? ["allow"] : ["deny", "egress_blocked"]);
});
