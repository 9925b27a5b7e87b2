/**
 * Two agents on LangGraph's loop, each under Aegis: one pays suppliers, one reads patients' records.
 * The middleware asks before every tool call; what is refused never reaches the tool.
 *
 * Needs a running fabric with this folder's policies published and both agents registered (README.md).
 * Prints one JSON document: what each agent was told, and what really reached the tools.
 */
import { readFileSync } from "node:fs";
import { createAegisClient } from "@aegis/sdk/client";
import { agentToken } from "@aegis/sdk/credentials";
import { aegisMiddleware } from "@aegis/sdk/langchain";
import { createAgent, type ReactAgent } from "langchain";
import { ScriptedModel, type Step } from "./scripted-model.ts";
import { startToolServer, toolsOn } from "./tools.ts";

const tenant = process.env.TENANT ?? "acme";
const endpoints = readJson(
  process.env.AEGIS_ENDPOINTS ?? ".aegis/data/endpoints.json",
  "start a fabric with ./aegis up, or set AEGIS_ENDPOINTS",
);
const keyOf = (agent: string) => {
  const variable = `${agent.toUpperCase().replace("-", "_")}_KEY`;
  return readJson(process.env[variable] ?? "", `set ${variable} to the key file that ./aegis agent register wrote`);
};

/** The file's JSON; without it the example ends in one sentence that says what to do. */
function readJson(file: string, cure: string) {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    console.error(`cannot read ${file === "" ? "a key" : file}: ${cure}`);
    process.exit(1);
  }
}

await using systems = await startToolServer();
const tools = toolsOn(systems.url, tenant);

/** What each tool call means to the policy. The two systems run on loopback here; policy knows them by the names they have in production. */
function meaning(purpose: string) {
  return ({ name, args }: { name: string; args: Readonly<Record<string, unknown>> }) => {
    switch (name) {
      case "create_payment":
        return {
          tool: "stripe-payments",
          action: name,
          destination: { url: "https://payments.internal/payments", method: "POST" },
          context: { purpose },
        };
      case "read_records":
        return {
          tool: "ehr",
          action: name,
          destination: { url: `https://ehr.internal/patients/${tenant}/records/${args.patient}`, method: "GET" },
          context: { purpose },
        };
      case "export_records":
        return {
          tool: "ehr",
          action: name,
          destination: { url: `https://ehr.internal/export/${args.patient}`, method: "POST" },
          context: { purpose },
        };
      default:
        return undefined;
    }
  };
}

async function run(agent: string, purpose: string, script: readonly Step[], approvalTimeoutMs = 0): Promise<string[]> {
  using client = createAegisClient({
    authz: endpoints.authz.grpc,
    approvals: endpoints.approvals.http,
    token: agentToken({ tokenUrl: endpoints.token.http, tenant, agent, privateKey: keyOf(agent) }),
  });
  const loop: ReactAgent = createAgent({
    model: new ScriptedModel(script),
    tools: Object.values(tools),
    middleware: [aegisMiddleware({ client, describeCall: meaning(purpose), approvalTimeoutMs })],
  });
  const { messages } = await loop.invoke({ messages: [{ role: "user", content: "Do what is due." }] });
  return messages.at(-1)?.text.split("\n") ?? [];
}

const finance = await run(
  "finance-agent",
  "payables",
  [
    { name: "create_payment", args: { amount: 4200, currency: "USD", recipient: "acct_ink", memo: "invoice for jo@example.com" } },
    { name: "create_payment", args: { amount: 4200, currency: "USD", recipient: "Mallory" } },
    { name: "create_payment", args: { amount: 50000, currency: "USD", recipient: "acct_ink" } },
  ],
  Number(process.env.APPROVAL_TIMEOUT_MS ?? 0),
);
const clinical = await run("clinical-agent", "care", [
  { name: "read_records", args: { patient: "p-17" } },
  { name: "export_records", args: { patient: "p-17" } },
]);

console.log(JSON.stringify({ finance, clinical, effects: systems.effects }, null, 2));
