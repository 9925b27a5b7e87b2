import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Digest } from "@aegis/canonical/digest";
import type { JsonObject } from "@aegis/canonical/ijson";
import { compile } from "@aegis/policy/compile";
import type { EvaluationInput } from "@aegis/policy/input";
import { prepare, type Snapshot } from "@aegis/policy/snapshot";
import { preparsePolicySet, statefulIsAuthorized } from "@cedar-policy/cedar-wasm/nodejs";
import { loadPolicy } from "@open-policy-agent/opa-wasm";
import { newEnforcer, newModelFromString, StringAdapter } from "casbin";
import type { Call, Contest } from "./contest.ts";

const require = createRequire(import.meta.url);
const tenant = "acme";

/** An engine with one contest's policy loaded: gives a function for each call, with all preparation that a caller could keep done. */
export interface Contestant {
  readonly engine: string;
  readonly version: string;
  /** Ready to decide one call: true is allow. */
  of(call: Call): () => boolean;
}

/** Compiles documents and prepares them as authz does when a bundle arrives. */
function aegisSnapshot(text: string): Snapshot {
  const compiled = compile([{ name: "bench.yaml", text }], { tenant });
  if (!compiled.ok) throw new Error(`the bench's policy does not compile: ${JSON.stringify(compiled.faults)}`);
  const digest = `sha256:${"0".repeat(64)}` as Digest;
  return prepare({ tenant, revision: 1, version: "1-bench", digest, policies: compiled.policies });
}

/** A call as authz hands it to the engine. */
export function aegisInput({ agent, parents, tool, action, arguments: given, purpose, url }: Call): EvaluationInput {
  return {
    principal: {
      tenant,
      agent,
      subject: "user:olivia@acme.test",
      chain: [agent, ...parents],
      depth: parents.length,
      scope: [`${tool}:*`],
    },
    tool,
    action,
    arguments: given as JsonObject,
    ...(url !== "" && { destination: { url, method: "POST" } }),
    context: { purpose },
    now: Date.now(),
    findings: [],
  };
}

function aegis({ aegis: text }: Contest): Contestant {
  const snapshot = aegisSnapshot(text);
  return {
    engine: "aegis",
    version: "this clone",
    of: (call) => {
      const input = aegisInput(call);
      return () => snapshot.evaluate(input).decision === "allow";
    },
  };
}

/** The facts that the peers' rules ask for, worked out beforehand: it is the caller that would have them. */
const factsOf = (call: Call) => ({
  arguments: { ...call.arguments },
  agent: call.agent,
  purpose: call.purpose,
  host: call.url === "" ? "" : new URL(call.url).host,
  depth: call.parents.length,
  parent: call.parents[0] ?? "",
  readers: call.parents.every((parent) => ["planner-agent", "front-agent", "records-agent"].includes(parent)),
});

function cedar({ name, cedar: staticPolicies }: Contest): Contestant {
  const parsed = preparsePolicySet(name, { staticPolicies });
  if (parsed.type !== "success") throw new Error(`cedar refuses the policy: ${JSON.stringify(parsed)}`);
  const entities = [{ uid: { type: "Agent", id: "records-agent" }, attrs: {}, parents: [{ type: "Role", id: "reader" }] }];
  return {
    engine: "cedar-wasm",
    version: versionOf("@cedar-policy/cedar-wasm"),
    of: (call) => {
      const question = {
        principal: { type: "Agent", id: call.agent },
        action: { type: "Action", id: call.action },
        resource: { type: "Tool", id: call.tool },
        context: factsOf(call),
        preparsedPolicySetId: name,
        entities: name === "delegation" ? entities : [],
      };
      return () => {
        const answer = statefulIsAuthorized(question);
        return answer.type === "success" && answer.response.decision === "allow";
      };
    },
  };
}

async function casbin({ casbin: { model, policy } }: Contest): Promise<Contestant> {
  const enforcer = await newEnforcer(newModelFromString(model), new StringAdapter(policy));
  return {
    engine: "casbin",
    version: versionOf("casbin"),
    of: (call) => {
      const facts = factsOf(call);
      return () => enforcer.enforceSync(call.agent, call.tool, call.action, facts);
    },
  };
}

async function opa({ rego }: Contest): Promise<Contestant> {
  const tool = [process.env.AEGIS_OPA, join(import.meta.dirname, "../../.aegis/tools/opa")].find((path) => path && existsSync(path));
  if (tool === undefined) throw new Error("no opa to compile with: set AEGIS_OPA to one, or run ./aegis test once, which builds it");
  const work = mkdtempSync(join(tmpdir(), "bench-opa-"));
  try {
    writeFileSync(join(work, "bench.rego"), rego);
    execFileSync(tool, ["build", "-t", "wasm", "-e", "bench/allow", "-o", join(work, "b.tar.gz"), join(work, "bench.rego")]);
    execFileSync("tar", ["xzf", join(work, "b.tar.gz"), "-C", work, "/policy.wasm"], { stdio: "ignore" });
    const policy = await loadPolicy(readFileSync(join(work, "policy.wasm")));
    return {
      engine: "opa-wasm",
      version: versionOf("@open-policy-agent/opa-wasm"),
      of: (call) => {
        const input = { ...call, host: call.url === "" ? "" : new URL(call.url).host };
        return () => (policy.evaluate(input) as { result: boolean }[])[0]?.result === true;
      },
    };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** From the package's file: not every package exports its package.json. */
function versionOf(name: string): string {
  const directory = (require.resolve.paths(name) ?? []).find((one) => existsSync(join(one, name, "package.json"))) ?? "";
  return (JSON.parse(readFileSync(join(directory, name, "package.json"), "utf8")) as { version: string }).version;
}

/** Every engine with the contest's policy. */
export const contestants = async (contest: Contest): Promise<readonly Contestant[]> => [
  aegis(contest),
  cedar(contest),
  await casbin(contest),
  await opa(contest),
];
