/** One call, for every engine alike. */
export interface Call {
  readonly agent: string;
  /** Who handed the work on; newest first, the agent itself left out. */
  readonly parents: readonly string[];
  readonly tool: string;
  readonly action: string;
  readonly arguments: Readonly<Record<string, string | number | boolean>>;
  readonly purpose: string;
  readonly url: string;
}

/** The same rules in four languages, and calls that each must decide alike. */
export interface Contest {
  readonly name: string;
  readonly aegis: string;
  readonly cedar: string;
  readonly casbin: { readonly model: string; readonly policy: string };
  readonly rego: string;
  readonly calls: readonly { readonly call: Call; readonly allowed: boolean }[];
}

const blank: Omit<Call, "agent" | "tool" | "action" | "arguments"> = { parents: [], purpose: "", url: "" };

const pay = (allowed: boolean, given: Call["arguments"], url = "https://api.stripe.com/v1/charges", action = "create_payment") => ({
  allowed,
  call: { ...blank, agent: "finance-agent", tool: "stripe-payments", action, url, arguments: given },
});

/** Three conditions on the arguments and one on where the call goes. */
const payments: Contest = {
  name: "payments",
  aegis: `apiVersion: aegis.dev/v1
kind: AgentPolicy
metadata: { name: finance }
spec:
  agents: [finance-agent]
  egress: { allow: [api.stripe.com] }
  tools:
    - name: stripe-payments
      actions:
        - name: create_payment
          parameters:
            amount: { type: integer, min: 1, max: 5000 }
            currency: { enum: [USD, EUR] }
            recipient: { type: string, matches: "^acct_" }
`,
  cedar: `permit(principal == Agent::"finance-agent", action == Action::"create_payment", resource == Tool::"stripe-payments") when {
  context.arguments.amount >= 1 && context.arguments.amount <= 5000 &&
  ["USD", "EUR"].contains(context.arguments.currency) &&
  context.arguments.recipient like "acct_*" && context.host == "api.stripe.com"
};`,
  casbin: {
    model: `[request_definition]
r = sub, obj, act, ctx
[policy_definition]
p = sub, obj, act, rule
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = r.sub == p.sub && r.obj == p.obj && r.act == p.act && eval(p.rule)`,
    policy: `p, finance-agent, stripe-payments, create_payment, "r.ctx.arguments.amount >= 1 && r.ctx.arguments.amount <= 5000 && (r.ctx.arguments.currency == 'USD' || r.ctx.arguments.currency == 'EUR') && regexMatch(r.ctx.arguments.recipient, '^acct_') && r.ctx.host == 'api.stripe.com'"`,
  },
  rego: `package bench
default allow := false
allow if {
	input.agent == "finance-agent"
	input.tool == "stripe-payments"
	input.action == "create_payment"
	input.arguments.amount >= 1
	input.arguments.amount <= 5000
	input.arguments.currency in {"USD", "EUR"}
	startswith(input.arguments.recipient, "acct_")
	input.host == "api.stripe.com"
}`,
  calls: [
    pay(true, { amount: 10, currency: "USD", recipient: "acct_ink" }),
    pay(true, { amount: 5000, currency: "EUR", recipient: "acct_paper" }),
    pay(false, { amount: 5001, currency: "USD", recipient: "acct_ink" }),
    pay(false, { amount: 10, currency: "GBP", recipient: "acct_ink" }),
    pay(false, { amount: 10, currency: "USD", recipient: "mule_7" }),
    pay(false, { amount: 10, currency: "USD", recipient: "acct_ink" }, "https://evil.test/"),
    pay(true, { amount: 1, currency: "USD", recipient: "acct_a" }),
    pay(false, { amount: 10, currency: "USD", recipient: "acct_ink" }, "https://api.stripe.com/v1/charges", "refund"),
  ],
};

const folders = ["inbox", "archive", "invoices", "travel", "legal", "press", "jobs", "partners", "alerts", "drafts"];
const quoted = folders.map((folder) => `"${folder}"`).join(", ");
const mail = (allowed: boolean, given: Call["arguments"], purpose = "support", action = "file_message") => ({
  allowed,
  call: { ...blank, agent: "mail-agent-7", tool: "mail", action, purpose, arguments: given },
});

// casbin-node inserts a rule with String.replace, to which "$'" means something: no pattern may end in it.
/** Sets and strings: a prefix of agents, purposes, a set of folders, a denied family of actions. */
const sets: Contest = {
  name: "sets and strings",
  aegis: `apiVersion: aegis.dev/v1
kind: AgentPolicy
metadata: { name: mail }
spec:
  agents: ["mail-agent-*"]
  purposes: [support, billing, legal]
  tools:
    - name: mail
      deny: ["delete_*"]
      actions:
        - name: file_message
          parameters:
            folder: { enum: [${folders.join(", ")}] }
            subject: { type: string, matches: "^(Re|Fwd): " }
            priority: { type: integer, min: 1, max: 5 }
        - name: delete_message
`,
  cedar: `permit(principal, action in [Action::"file_message", Action::"delete_message"], resource == Tool::"mail") when {
  context.agent like "mail-agent-*" && ["support", "billing", "legal"].contains(context.purpose) &&
  (action == Action::"delete_message" || ([${quoted}].contains(context.arguments.folder) &&
  (context.arguments.subject like "Re: *" || context.arguments.subject like "Fwd: *") &&
  context.arguments.priority >= 1 && context.arguments.priority <= 5))
};
forbid(principal, action == Action::"delete_message", resource == Tool::"mail");`,
  casbin: {
    model: `[request_definition]
r = sub, obj, act, ctx
[policy_definition]
p = sub, obj, act, rule, eft
[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))
[matchers]
m = keyMatch(r.sub, p.sub) && r.obj == p.obj && keyMatch(r.act, p.act) && eval(p.rule)`,
    policy: `p, mail-agent-*, mail, file_message, "(r.ctx.purpose == 'support' || r.ctx.purpose == 'billing' || r.ctx.purpose == 'legal') && regexMatch(r.ctx.arguments.folder, '^(${folders.join("|")})$ *') && regexMatch(r.ctx.arguments.subject, '^Re: |^Fwd: ') && r.ctx.arguments.priority >= 1 && r.ctx.arguments.priority <= 5", allow
p, mail-agent-*, mail, delete_message, "r.ctx.purpose == 'support'", allow
p, mail-agent-*, mail, delete_*, "r.sub == r.sub", deny`,
  },
  rego: `package bench
default allow := false
folders := {${quoted}}
allow if {
	permitted
	not denied
}
permitted if {
	common
	input.action == "file_message"
	input.arguments.folder in folders
	regex.match("^(Re|Fwd): ", input.arguments.subject)
	input.arguments.priority >= 1
	input.arguments.priority <= 5
}
permitted if {
	common
	input.action == "delete_message"
}
common if {
	startswith(input.agent, "mail-agent-")
	input.tool == "mail"
	input.purpose in {"support", "billing", "legal"}
}
denied if startswith(input.action, "delete_")`,
  calls: [
    mail(true, { folder: "travel", subject: "Re: tickets", priority: 2 }),
    mail(true, { folder: "drafts", subject: "Fwd: notes", priority: 5 }, "billing"),
    mail(false, { folder: "secret", subject: "Re: tickets", priority: 2 }),
    mail(false, { folder: "travel", subject: "tickets", priority: 2 }),
    mail(false, { folder: "travel", subject: "Re: tickets", priority: 6 }),
    mail(false, { folder: "travel", subject: "Re: tickets", priority: 2 }, "marketing"),
    mail(false, {}, "support", "delete_message"),
    mail(true, { folder: "inbox", subject: "Re: hello", priority: 1 }, "legal"),
  ],
};

const read = (allowed: boolean, parents: readonly string[], given: Call["arguments"] = { record: "r-17" }, agent = "records-agent") => ({
  allowed,
  call: { ...blank, agent, parents, tool: "records", action: "read", arguments: given },
});

/** Delegation: who may hand on work, how often, and that whoever handed it on holds the right too. */
const delegation: Contest = {
  name: "delegation",
  aegis: `apiVersion: aegis.dev/v1
kind: AgentPolicy
metadata: { name: records }
spec:
  agents: [records-agent]
  delegation: { accept_from: [planner-agent, triage-agent], max_depth: 2, authority: intersect }
  tools: [{ name: records, actions: [{ name: read, parameters: { record: { type: string, matches: "^r-" } } }] }]
---
apiVersion: aegis.dev/v1
kind: AgentPolicy
metadata: { name: planners }
spec:
  agents: [planner-agent, front-agent]
  tools: [{ name: records, actions: [{ name: read, parameters: { record: { type: string, matches: "^r-" } } }] }]
---
apiVersion: aegis.dev/v1
kind: AgentPolicy
metadata: { name: triage }
spec:
  agents: [triage-agent]
  tools: [{ name: tickets, actions: [{ name: read }] }]
`,
  cedar: `permit(principal in Role::"reader", action == Action::"read", resource == Tool::"records") when {
  context.depth <= 2 && (context.depth == 0 || ["planner-agent", "triage-agent"].contains(context.parent)) &&
  context.readers && context.arguments.record like "r-*"
};`,
  casbin: {
    model: `[request_definition]
r = sub, obj, act, ctx
[policy_definition]
p = sub, obj, act, rule
[role_definition]
g = _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act && eval(p.rule)`,
    policy: `p, reader, records, read, "r.ctx.depth <= 2 && (r.ctx.depth == 0 || r.ctx.parent == 'planner-agent' || r.ctx.parent == 'triage-agent') && r.ctx.readers && regexMatch(r.ctx.arguments.record, '^r-')"
g, records-agent, reader`,
  },
  rego: `package bench
default allow := false
readers := {"records-agent", "planner-agent", "front-agent"}
allow if {
	input.agent == "records-agent"
	input.tool == "records"
	input.action == "read"
	count(input.parents) <= 2
	accepted
	every parent in input.parents { parent in readers }
	startswith(input.arguments.record, "r-")
}
accepted if count(input.parents) == 0
accepted if input.parents[0] in {"planner-agent", "triage-agent"}`,
  calls: [
    read(true, []),
    read(true, ["planner-agent"]),
    read(true, ["planner-agent", "front-agent"]),
    read(false, ["front-agent"]),
    read(false, ["triage-agent"]),
    read(false, ["planner-agent", "front-agent", "front-agent"]),
    read(false, ["planner-agent"], { record: "x-1" }),
    read(true, ["planner-agent"], { record: "r-999" }),
  ],
};

export const contests: readonly Contest[] = [payments, sets, delegation];
