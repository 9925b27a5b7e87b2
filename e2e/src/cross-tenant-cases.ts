/** What a stranger tries on one route: the very request that would be right from somebody of the tenant. */
export interface RouteCase {
  /** What each parameter of the path becomes. */
  readonly path?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly form?: Readonly<Record<string, string>>;
  /**
   * `refused`: 401, 403 or 404. `silent`: answered, with nothing of the tenant, because the route names none or must not say whether
   * there is one. `public`: the same for everybody.
   */
  readonly outcome: "refused" | "silent" | "public";
  /** The tenant's own operator is served by the same request: what refuses the stranger is who asks. Not tried where it would do harm. */
  readonly own?: boolean;
}

/** What a stranger would like to reach. */
export interface Prey {
  readonly tenant: string;
  readonly agent: string;
  readonly decisionId: string;
  readonly approvalId: string;
  readonly grantId: string;
  readonly tokenId: string;
  readonly agentToken: string;
}

const service: RouteCase = { outcome: "refused" };
const open: RouteCase = { outcome: "public" };
const publicJwk = { kty: "OKP", crv: "Ed25519", x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" };

/** A case for every route, by service, method and path as `/openapi.json` names them. */
export function routeCases(prey: Prey): Readonly<Record<string, RouteCase>> {
  const { tenant, agent, decisionId, approvalId, grantId, tokenId, agentToken } = prey;
  const query = { tenant };
  const window = { tenant, from: "2020-01-01T00:00:00Z", to: "2100-01-01T00:00:00Z" };
  const path = { tenant };
  const files = [{ name: "policy.yaml", text: `agent: ${agent}\nallowed_tools: []\n` }];
  const evaluation = {
    subject: { type: "agent", id: `${tenant}/${agent}` },
    action: { name: "create_payment" },
    resource: { type: "tool", id: "stripe-payments" },
  };
  const own = { outcome: "refused", own: true } as const;
  const refused = { outcome: "refused" } as const;
  return {
    "token POST /oauth/token": { outcome: "refused", form: { grant_type: "client_credentials", client_id: `${tenant}/${agent}` } },
    "token POST /oauth/introspect": { outcome: "silent", form: { token: agentToken } },
    "token POST /oauth/revoke": { outcome: "silent", form: { tenant, jti: tokenId } },
    "token POST /oauth/register": {
      ...refused,
      body: { client_name: "intruder", scope: "stripe-payments:*", jwks: { keys: [publicJwk] } },
    },
    "token POST /v1/registration-tokens": { ...refused, body: { tenant, owner: "eve@example.test", scope: ["a:*"] } },
    "token POST /v1/agents": {
      ...refused,
      body: {
        tenant,
        agent: "intruder",
        owner: "eve@example.test",
        scope: ["stripe-payments:*"],
        publicJwk,
      },
    },
    "token GET /v1/agents": { ...own, query },
    "token GET /v1/agents/{agent}": { ...own, path: { agent }, query },
    "token POST /v1/agents/{agentAndCommand}": { ...refused, path: { agentAndCommand: `${agent}:suspend` }, query },
    "token GET /v1/agents/{agent}/delegations": { ...own, path: { agent }, query },
    "token GET /v1/inventory": { ...own, query },
    "token PUT /v1/agents/{agent}/ceiling": { ...refused, path: { agent }, body: { tenant, scope: ["stripe-payments:*", "mail:*"] } },
    "token POST /v1/templates": { ...refused, body: { tenant, name: "intruder", scope: ["stripe-payments:*"] } },
    "token GET /v1/templates": { ...own, query },
    "token DELETE /v1/templates/{name}": { ...refused, path: { name: "payer" }, query },
    "token PUT /v1/tenants/{tenant}/org": { ...refused, path, body: { org: "intruders" } },
    "token GET /v1/orgs/{org}/tenants": { ...refused, path: { org: tenant } },
    "token POST /v1/org-reads": { ...refused, body: { tenant, service: "audit", what: "ledger entries" } },
    "token GET /v1/proposals": { ...own, query },
    "token POST /v1/proposals/{idAndCommand}": { ...refused, path: { idAndCommand: `${decisionId}:approve` }, query },
    "token POST /v1/issuers": {
      ...refused,
      body: {
        tenant,
        name: "evil",
        kind: "user",
        issuer: "https://evil.example",
        audience: "aegis",
        algorithms: ["EdDSA"],
        jwksUri: "https://evil.example/jwks",
        rules: [{ match: { sub: "x" }, agents: ["finance-agent"] }],
      },
    },
    "token GET /v1/issuers": { ...own, query },
    "token DELETE /v1/issuers/{name}": { ...refused, path: { name: "corp" }, query },
    "token POST /v1/owners/{ownerAndCommand}": { ...refused, path: { ownerAndCommand: "olivia@acme.test:revoke" }, query },
    "token POST /v1/tenants/{tenantAndCommand}": { ...refused, path: { tenantAndCommand: `${tenant}:revoke` } },
    "token GET /.well-known/jwks.json": open,
    "token GET /.well-known/oauth-authorization-server": open,
    "token GET /v1/revocations": service,
    "token POST /v1/keys:rotate": service,

    "policy-compiler POST /v1/tenants/{tenant}/policies:validate": { ...own, path, body: { files } },
    "policy-compiler POST /v1/tenants/{tenant}/policies:compile": { ...own, path, body: { files } },
    "policy-compiler POST /v1/tenants/{tenant}/revisions": { ...refused, path, body: { files } },
    "policy-compiler GET /v1/tenants/{tenant}/revisions": { ...own, path },
    "policy-compiler POST /v1/tenants/{tenant}/revisions/{target}": { ...refused, path: { tenant, target: "1:rollback" }, body: {} },
    "policy-compiler GET /v1/tenants/{tenant}/revisions/{revision}": { ...own, path: { tenant, revision: "1" } },
    "policy-compiler GET /v1/tenants/{tenant}/revisions:diff": { ...own, path, query: { from: "1", to: "1" } },
    "policy-compiler POST /v1/tenants/{tenant}/revisions:diff": { ...refused, path, body: { files } },
    "policy-compiler POST /v1/tenants/{tenant}/policies:test": { ...refused, path, body: { files } },
    "policy-compiler POST /v1/tenants/{tenant}/policies:promote": { ...refused, path, body: { policies: ["policy"] } },
    "policy-compiler POST /v1/tenants/{tenant}/policies/{target}": { ...refused, path: { tenant, target: "policy:promote" }, body: {} },
    "policy-compiler GET /schemas/policy.json": open,
    "policy-compiler GET /v1/tenants/{tenant}/activations/{revision}": { ...own, path: { tenant, revision: "1" } },
    "policy-compiler GET /v1/tenants/{tenant}/policies:status": { ...own, path },
    "policy-compiler GET /bundles/{file}": { ...own, path: { file: `${tenant}.tar.gz` } },
    "policy-compiler POST /status": { ...refused, body: { labels: { id: "opa", tenant } } },
    "policy-compiler POST /status/{partition}": { ...refused, path: { partition: tenant }, body: { labels: { id: "opa" } } },
    "policy-compiler POST /logs": { ...refused, body: [{ labels: { id: "opa", tenant }, decision_id: decisionId }] },
    "policy-compiler POST /logs/{partition}": { ...refused, path: { partition: tenant }, body: [{ labels: { id: "opa" } }] },
    "policy-compiler POST /v1/tenants/{tenant}/policies:simulate": { ...refused, path, body: { requests: [] } },
    "policy-compiler POST /v1/tenants/{tenant}/policies:replay": { ...refused, path, body: { files } },
    "policy-compiler POST /v1/tenants/{tenant}/policies:learn": { ...refused, path, body: { agent } },
    "policy-compiler GET /v1/tenants/{tenant}/drift": { ...own, path },
    "policy-compiler POST /v1/tenants/{tenant}/drift": { ...refused, path, body: {} },

    "approvals GET /v1/approvals": { ...own, query },
    // To an agent, what is not its tenant's is what it is not told of yet: an id, pending.
    "approvals GET /v1/approvals/{id}": { ...own, outcome: "silent", path: { id: approvalId } },
    "approvals GET /v1/approvals/{id}/wait": { ...own, outcome: "silent", path: { id: approvalId }, query: { timeout: "0" } },
    "approvals POST /v1/approvals/{id}/votes": { ...refused, path: { id: approvalId }, body: { decision: "approve" } },
    "approvals GET /v1/approvals/{id}/history": { ...own, path: { id: approvalId } },
    "approvals POST /v1/approvals/{id}/comments": { ...refused, path: { id: approvalId }, body: { comment: "let it through" } },
    "approvals POST /v1/approvals/{id}/cancel": { ...refused, path: { id: approvalId }, body: {} },
    "approvals POST /v1/approvals/{id}/override": { ...refused, path: { id: approvalId } },
    "approvals GET /v1/approval-groups": { ...own, query },
    "approvals POST /v1/approvals:vote": { ...refused, body: { tenant, ids: [approvalId], decision: "approve" } },
    "approvals POST /v1/approvals/{id}/grants": {
      ...refused,
      path: { id: approvalId },
      body: { anyArguments: true, maxUses: 1, expiresInSeconds: 60 },
    },
    "approvals GET /v1/grants": { ...own, query },
    "approvals GET /v1/grants/{id}": { ...own, path: { id: grantId } },
    "approvals POST /v1/grants/{id}/back": { ...refused, path: { id: grantId } },
    "approvals DELETE /v1/grants/{id}": { ...refused, path: { id: grantId } },
    "approvals GET /v1/approval-statistics": { ...own, query },
    "approvals GET /v1/channels": { ...own, query },
    "approvals PUT /v1/channels/{name}": {
      ...refused,
      path: { name: "pager" },
      query,
      body: { target: { kind: "webhook", url: "https://evil.example/", secret: "0123456789abcdef0123456789abcdef" } },
    },
    "approvals GET /v1/channels/{name}/members": { ...refused, path: { name: "pager" }, query },
    "approvals PUT /v1/channels/{name}/members/{member}": {
      ...refused,
      path: { name: "pager", member: "U1" },
      query,
      body: { user: "eve@example.test" },
    },
    "approvals DELETE /v1/channels/{name}/members/{member}": { ...refused, path: { name: "pager", member: "U1" }, query },
    "approvals DELETE /v1/channels/{name}": { ...refused, path: { name: "pager" }, query },

    "budget GET /v1/budgets": { ...own, query },
    "budget PUT /v1/budgets/{*}": {
      ...refused,
      path: { "*": `agent/${agent}` },
      query,
      body: { unit: "actions", window: "day", limit: 1 },
    },
    "budget GET /v1/forecast": { ...own, query },
    "budget POST /v1/prompts": { ...refused, query, body: { prompt: "p", actions: 1 } },
    "budget GET /v1/prompts/{prompt}/spend": { ...own, path: { prompt: "p" }, query },
    "budget POST /v1/usage": { ...refused, query, body: { id: "u", agent, tokens: 1 } },
    "budget GET /v1/breakers": { ...own, query },
    "budget POST /v1/breakers/{nameAndCommand}": { ...refused, path: { nameAndCommand: `${agent}:reset` }, query },
    "budget GET /v1/spend": { ...own, query: { tenant, by: "agent" } },

    "audit GET /v1/export": { ...own, query },
    // Its own operator is served for as long as they listen.
    "audit GET /v1/stream": { ...refused, query },
    "audit GET /v1/sinks": { ...own, query },
    "audit GET /v1/sinks/{name}": { ...refused, path: { name: "main" }, query },
    "audit PUT /v1/sinks/{name}": { ...refused, path: { name: "main" }, query, body: { target: { kind: "file" }, from: "start" } },
    "audit DELETE /v1/sinks/{name}": { ...refused, path: { name: "main" }, query },
    "audit GET /v1/retention": { ...own, query },
    "audit GET /v1/holds": { ...own, query },
    "audit POST /v1/holds": { ...refused, body: { tenant, reason: "case 1" } },
    "audit POST /v1/holds/{id}/release": { ...refused, path: { id: decisionId }, body: { tenant, reason: "closed" } },
    "audit PUT /v1/streams/{tenant}": { ...refused, path },
    "audit GET /v1/entries": { ...own, query },
    "audit GET /v1/decisions:export": { ...own, query: window },
    "audit GET /v1/decisions:usage": { ...own, query: window },
    "audit GET /v1/decisions/{id}": { ...refused, path: { id: decisionId }, query },
    "audit GET /v1/graph/{kind}/{id}": { ...own, path: { kind: "session", id: "s-1" }, query },
    "audit GET /v1/agents/{agent}/timeline": { ...own, path: { agent }, query },
    "audit GET /v1/receipts/{id}": { ...refused, path: { id: decisionId }, query },
    // For authz's own credential alone; an erasure of either tenant is for its own admin.
    "audit POST /v1/subject-keys": { ...refused, body: { tenant, subject: "p-1" } },
    "audit POST /v1/erasures": { ...refused, body: { tenant, subject: "p-1", reason: "asked" } },
    "audit GET /v1/erasures": { ...own, query },
    "audit POST /v1/erasures/{idAndCommand}": { ...refused, path: { idAndCommand: `${decisionId}:approve` }, query },
    "audit GET /v1/tenants": { outcome: "silent" },
    "audit GET /v1/ledger/{tenant}/rows": { ...refused, path },
    "audit GET /v1/ledger/{tenant}/state": { ...refused, path },
    "audit GET /v1/statements": { ...refused },
    "audit GET /v1/checkpoints/{tenant}": { ...refused, path },
    "audit POST /v1/checkpoints": { ...refused, body: {} },
    "audit GET /tlog/{tenant}/checkpoint": { ...refused, path },
    "audit GET /tlog/{tenant}/tile/{*}": { ...refused, path: { tenant, "*": "0/000.p/1" } },

    "authz GET /.well-known/oauth-protected-resource": open,
    "authz GET /.well-known/authzen-configuration": open,
    // The token says whose policies decide; what the body names is no more than a claim.
    "authz POST /access/v1/evaluation": { outcome: "silent", body: evaluation },
    "authz POST /access/v1/evaluations": { outcome: "silent", body: { ...evaluation, evaluations: [evaluation] } },
    // An evaluation of another tenant is one that nobody knows.
    "authz POST /access/v1/requests": {
      outcome: "silent",
      body: { ...evaluation, denial: { evaluation_id: decisionId, expires_at: "2100-01-01T00:00:00Z" } },
    },
    "authz GET /access/v1/requests/{id}": { ...refused, path: { id: approvalId } },
    "authz POST /access/v1/requests/{id}/cancel": { ...refused, path: { id: approvalId }, body: {} },
    "authz DELETE /access/v1/requests/{id}/cancel": { ...refused, path: { id: approvalId } },
    "authz POST /v1/data/aegis/decision": { outcome: "silent", body: { input: { tenant, agent, tool: "stripe-payments" } } },
  };
}
