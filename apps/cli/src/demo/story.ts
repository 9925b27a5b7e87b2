import { registerAgent } from "../clients/agents.ts";
import { approvalsClient, collectOverride } from "../clients/approvals.ts";
import { type Published, publishPolicies } from "../clients/policies.ts";
import { exchangeToken, issueToken } from "../clients/tokens.ts";
import { Failure } from "../failure.ts";
import * as policies from "./policies.ts";
import type { DemoStage } from "./stage.ts";

const owner = "alice@acme.test";
const approver = "bob@acme.test";

/** Both examples, delegation and shadow mode, from first document to second use of an override. */
export async function playStory(stage: DemoStage): Promise<void> {
  await cast(stage);
  await documentsAsFound(stage);
  await paymentGuardrail(stage);
  await recordsAccess(stage);
  await delegation(stage);
  await shadow(stage);
}

async function cast(stage: DemoStage): Promise<void> {
  stage.chapter("Who acts", "Each agent is registered with an owner, its own key and the widest scope it can ever have.");
  const agents = [
    { agent: "finance-agent", scope: ["stripe-payments:*", "bank-transfer:*"], mayAct: ["planner-agent"] },
    { agent: "planner-agent", scope: ["stripe-payments:create_payment"] },
    { agent: "clinical-agent", scope: ["ehr:*"] },
    { agent: "research-agent", scope: ["web:*", "mail:*"] },
  ];
  for (const { agent, scope, mayAct = [] } of agents) {
    await registerAgent(stage.context, { tenant: stage.tenant, agent, owner, scope, mayAct, risk: "low" });
    stage.note(
      `Register ${agent}`,
      "done",
      "done",
      `${owner} owns it; scope ${scope.join(" ")}${mayAct.length > 0 ? `; may act for ${mayAct.join(", ")}` : ""}`,
    );
  }
}

const pay = (amount: unknown, more: Record<string, unknown> = {}) => ({
  agent: "finance-agent",
  tool: "stripe-payments",
  action: "create_payment",
  arguments: { amount, ...more },
});

async function documentsAsFound(stage: DemoStage): Promise<void> {
  stage.chapter("Two documents, unchanged", "A team's payment rule and a governance file are enforced as they were found.");
  await publish(stage, "Publish both documents", {
    "finance.yaml": policies.foundPayment,
    "agentic-governance.yaml": policies.foundGovernance,
  });
  await stage.call("A payment of 4,200 is within the rule", "allow", pay(4200));
  await stage.call("A payment of 50,000 is not", "deny", pay(50_000));
  await stage.call("A number in quotes is not a number", "deny", pay("4200"));
  await stage.call("A tool nobody allowed", "deny", {
    agent: "finance-agent",
    tool: "bank-transfer",
    action: "send",
    arguments: { amount: 10 },
  });
}

async function paymentGuardrail(stage: DemoStage): Promise<void> {
  stage.chapter("Payment guardrail", "Up to 5,000 the agent pays by itself; above that a human must agree, once, to exactly that call.");
  await publish(stage, "Publish the spelled-out policies", {
    "finance.yaml": policies.payment,
    "clinical.yaml": policies.records,
    "research.yaml": policies.trial,
    "agentic-governance.yaml": policies.foundGovernance,
  });
  const transfer = pay(50_000, { currency: "USD", recipient: "acct_7f3k" });
  // One token throughout: the override is bound to this very copy of the agent.
  const token = (await issueToken(stage.context, { tenant: stage.tenant, agent: transfer.agent, prompt: stage.prompt })).access_token;
  await stage.call("4,200 to a supplier", "allow", pay(4200, { currency: "USD", recipient: "acct_7f3k" }));
  const held = await stage.call("50,000 to a supplier is held", "approval_needed", { ...transfer, token });
  if (!held.approval) throw new Failure("the payment was not held, so there is nothing to approve: see the step above");
  const { id } = held.approval;
  const approvals = await approvalsClient(stage.context, { tenant: stage.tenant, user: approver });
  const voted = await approvals.vote(id, "approve", "invoice 4711 checked");
  stage.note("A human approves", voted.state, "approved", `${approver} approves ${id}; the agent's owner could not have`);
  const { override_token: override } = await collectOverride(stage.context, id, token);
  stage.note("The agent collects its one-time override", "done", "done", "handed out once, bound to this call's digest and this agent");
  await stage.call("The same call passes", "allow", { ...transfer, token, override });
  await stage.call("and never again", "deny", { ...transfer, token, override });
  await stage.call(
    "An e-mail address and a card number in the memo are redacted",
    "sanitize",
    pay(120, { memo: "for jane.doe@example.com, card 4111 1111 1111 1111" }),
  );
  await stage.call("A look-alike destination is refused", "deny", {
    ...pay(120),
    url: "https://api.stripe.com@evil.test/v1/transfers",
    method: "POST",
  });
}

async function recordsAccess(stage: DemoStage): Promise<void> {
  stage.chapter(
    "EHR access",
    "Charts may be read for care, on the internal EHR domain; exports are blocked and PHI does not leave in arguments.",
  );
  const record = `https://ehr.internal/patients/${stage.tenant}/records/p-100`;
  const read = { agent: "clinical-agent", tool: "ehr", action: "read_record", arguments: { patient: "p-100" }, method: "GET" };
  await stage.call("Read a chart for care", "allow", { ...read, purpose: "care", url: record });
  await stage.call("The same for marketing", "deny", { ...read, purpose: "marketing", url: record });
  await stage.call("The same from another host", "deny", {
    ...read,
    purpose: "care",
    url: `https://ehr.example.com/patients/${stage.tenant}/records/p-100`,
  });
  await stage.call("Export the charts", "deny", { ...read, action: "export_records", arguments: {}, purpose: "care", url: record });
  await stage.call("PHI in a note is redacted", "sanitize", {
    ...read,
    action: "add_note",
    arguments: { patient: "p-100", note: "SSN 536-22-8145, mail sam@example.org, follow up in two weeks" },
    purpose: "care",
    url: record,
    method: "POST",
  });
}

async function delegation(stage: DemoStage): Promise<void> {
  stage.chapter(
    "Delegation only narrows",
    "The planner hands one task to the finance agent; the delegated token can do less than either, never more.",
  );
  const { context, tenant, prompt } = stage;
  const parent = await issueToken(context, { tenant, agent: "planner-agent", prompt });
  const child = { tenant, agent: "finance-agent", subjectToken: parent.access_token };
  const delegated = await exchangeToken(context, { ...child, scope: "stripe-payments:create_payment" });
  stage.note("planner-agent delegates to finance-agent", "done", "done", `scope ${delegated.scope}, valid ${delegated.expires_in} s`);
  await stage.call("The delegated payment", "allow", { ...pay(900), token: delegated.access_token });
  await stage.call("A refund was not delegated", "deny", { ...pay(10), action: "refund_payment", token: delegated.access_token });
  const widened = await exchangeToken(context, { ...child, scope: "stripe-payments:*" }).then(
    () => undefined,
    (error: Error) => error.message,
  );
  stage.note(
    "Asking for more than the planner had",
    widened === undefined ? "issued" : "refused",
    "refused",
    widened ?? "a wider token was issued",
  );
}

async function shadow(stage: DemoStage): Promise<void> {
  stage.chapter("Shadow mode", "A policy on trial lets the call through and reports what it would have done.");
  await stage.call("A tool the trial policy would refuse", "allow", {
    agent: "research-agent",
    tool: "mail",
    action: "send",
    arguments: { to: "team" },
  });
}

async function publish(stage: DemoStage, name: string, files: Readonly<Record<string, string>>): Promise<Published> {
  const list = Object.entries(files).map(([file, text]) => ({ name: file, text }));
  const published = await publishPolicies(stage.context, { tenant: stage.tenant, files: list, wait: true });
  stage.note(
    name,
    "done",
    "done",
    `revision ${published.revision}, enforced on ${published.enforcedOn}/${published.replicas} replicas after ${published.ms} ms`,
  );
  return published;
}
