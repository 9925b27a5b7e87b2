import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { AccessRequestsService } from "@aegis/contracts/aegis/approvals/v1/access_requests";
import { ApprovalsService } from "@aegis/contracts/aegis/approvals/v1/approvals";
import { AuthorizationService, Decision } from "@aegis/contracts/aegis/authz/v1/authz";
import { BudgetService } from "@aegis/contracts/aegis/budget/v1/budget";
import { operatorAudience, operatorRoles, orgKey } from "@aegis/contracts/operator";
import { statementSubject, stores, subjects } from "@aegis/contracts/subjects";
import { rpcClient } from "@aegis/rpc/client";
import type { DescService } from "@bufbuild/protobuf";
import { connect } from "@nats-io/transport-node";
import { importJWK, type JWK, SignJWT } from "jose";
import { beforeAll, expect, test, vi } from "vitest";
import { type Prey, type RouteCase, routeCases } from "../src/cross-tenant-cases.ts";
import { payments } from "../src/documents.ts";
import { sharedTenant, type Tenant } from "../src/tenant.ts";

const httpServices = ["token", "policy-compiler", "approvals", "budget", "audit", "authz"] as const;

/** Text that stands in what the first tenant keeps, and nowhere else. */
const secret = `s${randomUUID().replaceAll("-", "").slice(0, 12)}`;

let first: Tenant;
let prey: Prey;
let markers: string[];
/** What the stranger holds: an operator's token with every role in another tenant, an agent's token there, and nothing. */
let credentials: Record<string, string | undefined>;
let ownOperator: string;

async function operatorOf(tenant: string): Promise<string> {
  const { dataDirectory, endpoints } = first.fabric;
  const jwk = JSON.parse(await readFile(join(dataDirectory, "keys", "issuer.jwk"), "utf8")) as JWK & { alg: string; kid: string };
  return new SignJWT({ aegis_roles: { [tenant]: [...operatorRoles] } })
    .setProtectedHeader({ alg: jwk.alg, kid: jwk.kid, typ: "JWT" })
    .setIssuer(endpoints.issuer)
    .setSubject("mallory@example.test")
    .setAudience(operatorAudience)
    .setIssuedAt()
    .setExpirationTime("10m")
    .sign(await importJWK(jwk, jwk.alg));
}

const issue = async (tenant: Tenant, agent: string): Promise<string> =>
  (await tenant.cli.json<{ access_token: string }>(["token", "issue", "--tenant", tenant.name, "--agent", agent])).access_token;

beforeAll(async () => {
  first = await sharedTenant("prey");
  const second = await sharedTenant("stranger");
  const published = await first.publish(payments);
  await first.register("finance-agent", "--purpose", secret);
  await second.register("finance-agent");
  const agentToken = await issue(first, "finance-agent");
  const args = { amount: 50_000, currency: "USD", recipient: `acct_${secret}` };
  const call = { agent: "finance-agent", tool: "stripe-payments", action: "create_payment", args, more: ["--token", agentToken] };
  const held = await first.check(call);
  const approvalId = held.approval?.id ?? "";
  const pending = () => first.cli.json(["approvals", "show", approvalId, "--tenant", first.name], "any");
  await vi.waitFor(async () => expect(await pending()).toMatchObject({ state: "pending" }), { timeout: 60_000, interval: 500 });
  const tokenId = JSON.parse(Buffer.from(agentToken.split(".")[1] ?? "", "base64url").toString()).jti as string;
  const terms = ["--uses", "5", "--expires", "1h", "--max", "/amount=60000", "--comment", secret, "--as", "bob"];
  const grant = await first.cli.json<{ id: string }>(["approvals", "grant", approvalId, "--tenant", first.name, ...terms]);
  prey = { tenant: first.name, agent: "finance-agent", decisionId: held.decisionId, approvalId, grantId: grant.id, tokenId, agentToken };
  markers = [secret, published.digest, held.snapshotDigest ?? secret, held.actionDigest ?? secret];
  credentials = {
    "an operator with every role elsewhere": await operatorOf(second.name),
    "whoever has every role in another organisation": await operatorOf(orgKey(second.name)),
    "an agent of elsewhere": await issue(second, "finance-agent"),
    nobody: undefined,
  };
  ownOperator = await operatorOf(first.name);
}, 180_000);

async function routesOf(service: (typeof httpServices)[number]): Promise<string[]> {
  const document = (await (await fetch(`${first.fabric.endpoints[service].http}/openapi.json`)).json()) as {
    paths: Record<string, Record<string, unknown>>;
  };
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${service} ${method.toUpperCase()} ${path}`),
  );
}

/** On a busy machine a service may not reach the operators' issuer in time: that is no answer to who asks. */
async function ask(route: string, one: RouteCase, bearer: string | undefined): Promise<{ status: number; text: string }> {
  for (let attempt = 1; ; attempt++) {
    const answer = await askOnce(route, one, bearer);
    if (answer.status !== 503 || !answer.text.includes("issuer cannot be reached") || attempt === 20) return answer;
    await delay(500);
  }
}

async function askOnce(route: string, one: RouteCase, bearer: string | undefined): Promise<{ status: number; text: string }> {
  const [service, method, template = ""] = route.split(" ") as [(typeof httpServices)[number], string, string];
  const path = template.replace(/\{([^}]+)\}/g, (_, name: string) => {
    const value = one.path?.[name];
    if (value === undefined) throw new Error(`${route}: no value for ${name}`);
    return name === "*" ? value : encodeURIComponent(value);
  });
  const search = one.query === undefined ? "" : `?${new URLSearchParams(one.query)}`;
  const body = one.form === undefined ? (one.body === undefined ? undefined : JSON.stringify(one.body)) : new URLSearchParams(one.form);
  const response = await fetch(`${first.fabric.endpoints[service].http}${path}${search}`, {
    method,
    headers: {
      ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
      ...(one.body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body }),
    signal: AbortSignal.timeout(60_000),
  });
  return { status: response.status, text: await response.text() };
}

const turnedAway = [401, 403, 404];

/** `AEGIS_DRILL_DISGUISES=1000` is the long form: with each, every route is tried once. */
const disguises = Number(process.env.AEGIS_DRILL_DISGUISES ?? 3);

/** The n-th name that is nearly a tenant's, for a stranger who hopes that names are compared loosely. */
function disguise(name: string, n: number): string {
  const [head = "", tail = ""] = [name.slice(0, -1), name.slice(-1)];
  const tricks = [
    ...[`${name}*`, `*${name}`, `${name} `, name.toUpperCase(), head, `${name}-x`, `x-${name}`, `${name}/`, `../${name}`, `${name}\u0000`],
    ...[
      `${name}%00`,
      `${name},*`,
      `${head}?`,
      `${name}.*`,
      `.*`,
      ``,
      `__proto__`,
      `' or '1'='1`,
      `%`,
      `${head}${tail === "a" ? "\u0430" : "\u0435"}`,
    ],
  ];
  const at = n % name.length;
  return tricks[n] ?? `${name.slice(0, at)}${(n * 7_919).toString(36).slice(-2)}${name.slice(at + 1)}-${n}`;
}

test("every HTTP route, tried from another tenant, refuses or says nothing; every route has its case", {
  timeout: 180_000 + disguises * 2_000,
}, async () => {
  const cases = routeCases(prey);
  const routes = (await Promise.all(httpServices.map(routesOf))).flat();
  expect(
    routes.filter((route) => cases[route] === undefined),
    "routes without a case in e2e/src/cross-tenant-cases.ts",
  ).toEqual([]);
  const crossings: string[] = [];
  let tried = 0;
  for (const route of routes) {
    const one = cases[route]!;
    const answers = await Promise.all(
      Object.entries(credentials).map(async ([who, bearer]) => ({ who, ...(await ask(route, one, bearer)) })),
    );
    for (const { who, status, text } of answers) {
      tried++;
      if (markers.some((marker) => text.includes(marker))) crossings.push(`${route} told ${who} what is ${prey.tenant}'s`);
      if (one.outcome === "refused" && !turnedAway.includes(status))
        crossings.push(`${route} answered ${who} with ${status}: ${text.slice(0, 200)}`);
      if (status >= 500) crossings.push(`${route} failed for ${who}: ${text.slice(0, 200)}`);
    }
    if (one.own !== true) continue;
    const { status, text } = await ask(route, one, ownOperator);
    if (status !== 200 && status !== 422) crossings.push(`${route} answered even its own operator with ${status}: ${text.slice(0, 200)}`);
  }
  for (let n = 0; n < disguises && crossings.length < 20; n++) {
    const name = disguise(prey.tenant, n);
    const bearer = await operatorOf(name);
    await Promise.all(
      routes.map(async (route) => {
        const one = cases[route]!;
        const { status, text } = await ask(route, one, bearer);
        tried++;
        const told = `${route} answered ${status} to every role in ${JSON.stringify(name)}`;
        if (markers.some((marker) => text.includes(marker)) || (one.outcome === "refused" && !turnedAway.includes(status)) || status >= 500)
          crossings.push(`${told}: ${text.slice(0, 200)}`);
      }),
    );
  }
  console.log(`cross-tenant: ${tried} requests on ${routes.length} HTTP routes, ${crossings.length} crossings`);
  expect(crossings).toEqual([]);
  // What they tried has changed nothing.
  const shown = await ask("token GET /v1/agents/{agent}", cases["token GET /v1/agents/{agent}"]!, ownOperator);
  expect(JSON.parse(shown.text)).toMatchObject({ state: "active" });
  const held = await ask("approvals GET /v1/approvals/{id}", cases["approvals GET /v1/approvals/{id}"]!, ownOperator);
  expect(JSON.parse(held.text)).toMatchObject({ state: "pending" });
});

/** What an org-auditor is not let read: an agent's or an approver's own wait, and bundles, which are read by machines. */
const notForOrgs = [
  "policy-compiler GET /bundles/{file}",
  "approvals GET /v1/approvals/{id}/history",
  "approvals GET /v1/approvals/{id}/wait",
  "approvals GET /v1/grants/{id}",
];

/** What is asked by POST and changes nothing; and by what services note a read. */
const readByPost = [
  ...["simulate", "replay", "learn", "test"].map((what) => `policy-compiler POST /v1/tenants/{tenant}/policies:${what}`),
  "policy-compiler POST /v1/tenants/{tenant}/revisions:diff",
  "token POST /v1/org-reads",
];

test("an auditor of the tenant's organisation reads what its own readers read, each time with an event there, and changes nothing", async () => {
  const org = `org-${first.name}`.slice(0, 63);
  await first.cli.json(["org", "assign", first.name, org]);
  const minted = ["operator", "token", "--user", "ada@initech.test", "--role", "org-auditor", "--org", org];
  const { access_token: auditor } = await first.cli.json<{ access_token: string }>(minted);
  const cases = routeCases(prey);
  const told = async () => {
    const found = await ask(
      "audit GET /v1/entries",
      { outcome: "refused", query: { tenant: first.name, kind: "all", limit: "500" } },
      ownOperator,
    );
    const { entries } = JSON.parse(found.text) as { entries: { type: string; event: { data: { by: string; org: string } } }[] };
    return entries.filter(
      ({ type, event: { data } }) => type === "dev.aegis.identity.org_read.v1" && data.by === "ada@initech.test" && data.org === org,
    );
  };
  const read: string[] = [];
  const refused: string[] = [];
  for (const [route, one] of Object.entries(cases)) {
    // Some of what is read and has no case of its own does not end.
    if (one.outcome === "public" || (/ GET /.test(route) && one.own !== true)) continue;
    const { status, text } = await ask(route, one, auditor);
    if (one.own === true && (status === 200 || status === 422)) read.push(route);
    else if (one.own === true && one.outcome === "refused") refused.push(route);
    const changes = one.outcome === "refused" && one.own !== true && !readByPost.includes(route);
    if (changes) expect(turnedAway, `${route}: ${status} ${text.slice(0, 200)}`).toContain(status);
    expect(status, route).toBeLessThan(500);
  }
  expect(refused.filter((route) => !notForOrgs.includes(route))).toEqual([]);
  expect(read.length).toBeGreaterThan(25);
  // One read may be told twice: policy-compiler asks audit in the auditor's own name.
  await expect.poll(async () => (await told()).length, { timeout: 60_000, interval: 500 }).toBeGreaterThanOrEqual(read.length);
  console.log(`an org-auditor read by ${read.length} routes, with ${(await told()).length} events in the tenant`);
  await first.cli.json(["org", "release", first.name]);
  expect((await ask("audit GET /v1/entries", cases["audit GET /v1/entries"]!, auditor)).status).toBe(403);
});

type Requests = Readonly<Record<string, object>>;

/** One request for every method of a service, about the first tenant. */
async function everyMethod(service: DescService, address: string, requests: Requests, metadata: Record<string, string>): Promise<string[]> {
  using client = rpcClient(service, address, { deadlineMs: 30_000 });
  const methods = client as unknown as Record<string, (request: object, options: object) => unknown>;
  return await Promise.all(
    service.methods.map(async ({ localName }) => {
      const request = requests[localName];
      if (request === undefined) throw new Error(`${service.typeName}/${localName} has no case`);
      const answer = methods[localName]?.(request, { metadata });
      const text = await (async () => {
        if (Symbol.asyncIterator in Object(answer)) return (await Array.fromAsync(answer as AsyncIterable<unknown>)).map(textOf).join();
        return textOf(await answer);
      })().catch((error: { code?: string; message?: string }) => `refused: ${error.code} ${error.message}`);
      return `${localName} ${text}`;
    }),
  );
}

const textOf = (answer: unknown): string =>
  JSON.stringify(answer, (_, value: unknown) =>
    typeof value === "bigint" ? String(value) : value instanceof Uint8Array ? Buffer.from(value).toString("latin1") : value,
  );

test("every gRPC method, tried from another tenant, refuses or says nothing", async () => {
  const { endpoints } = first.fabric;
  const { tenant, agent, decisionId, approvalId, grantId } = prey;
  const inward: readonly [DescService, string, Requests][] = [
    [
      ApprovalsService,
      endpoints.approvals.grpc,
      {
        redeem: { tenant, agent, overrideToken: "x", actionDigest: markers[3], decisionId },
        findGrant: { tenant, agent, subject: agent, tool: "stripe-payments", action: "create_payment" },
        useGrant: { grantId, tenant, agent, decisionId },
        watch: { tenant, approvalId },
      },
    ],
    [
      AccessRequestsService,
      endpoints.approvals.grpc,
      {
        submitAccessRequest: { requester: { tenant, agent }, evaluationId: decisionId, actionDigest: markers[3] },
        getAccessRequest: { requester: { tenant, agent }, id: approvalId },
        cancelAccessRequest: { requester: { tenant, agent }, id: approvalId },
        redeemApproval: { requester: { tenant, agent }, approvalId, actionDigest: markers[3], decisionId },
      },
    ],
    [
      BudgetService,
      endpoints.budget.grpc,
      {
        lease: { tenant },
        reserve: { tenant },
        settle: { tenant },
        release: { tenant },
        admit: { tenant },
        reportUsage: { tenant },
        maySpawn: { tenant },
        alive: { holder: tenant, published: true },
        probe: { tenant },
        trip: { tenant },
      },
    ],
  ];
  const stolen = Object.values(credentials);
  for (const [service, address, requests] of inward) {
    for (const bearer of stolen) {
      const answers = await everyMethod(service, address, requests, bearer === undefined ? {} : { authorization: `Bearer ${bearer}` });
      for (const answer of answers) expect(answer).toMatch(/refused: (unauthenticated|permission_denied)/);
    }
  }
  // An agent asks about its own calls; what it names of another tenant is as if it were not there.
  const agentToken = credentials["an agent of elsewhere"] ?? "";
  const call = { agentToken, tool: "stripe-payments", action: "create_payment", args: { case: "argumentsJson", value: Buffer.from("{}") } };
  const asked = await everyMethod(
    AuthorizationService,
    endpoints.authz.grpc,
    {
      check: call,
      checkBatch: { calls: [call], requests: [call] },
      checkResult: { agentToken, decisionId, result: { case: "resultJson", value: Buffer.from("{}") } },
      reportOutcome: { agentToken, decisionId },
    },
    {},
  );
  for (const answer of asked) {
    expect(markers.filter((marker) => answer.includes(marker))).toEqual([]);
    expect(answer).not.toMatch(new RegExp(`"decision":(${Decision.ALLOW}|${Decision.SANITIZE})\\b`));
  }
});

test("no NATS subject of another tenant takes anything from who has no service's login", async () => {
  const { nats } = first.fabric.endpoints;
  for (const bearer of Object.values(credentials)) {
    if (bearer === undefined) continue;
    await expect(connect({ servers: nats, user: "token", pass: bearer, reconnect: false, timeout: 10_000 })).rejects.toThrow(/[Aa]uth/);
    await expect(connect({ servers: nats, token: bearer, reconnect: false, timeout: 10_000 })).rejects.toThrow(/[Aa]uth/);
  }
  const connection = await connect({ servers: nats, timeout: 10_000 }).catch(() => undefined);
  if (connection === undefined) return;
  const refused: string[] = [];
  void (async () => {
    for await (const status of connection.status()) if (status.type === "error") refused.push(String(status.error));
  })();
  const named = { tenant: prey.tenant, agent: prey.agent, decision: "allow", outcome: "ok" } as Record<string, string>;
  const targets = [
    ...Object.values(subjects).map(({ pattern }) => pattern.replace(/<(\w+)>/g, (_, key: string) => named[key] ?? "x")),
    ...Object.values(stores).map((name) => `$KV.${name}.${prey.tenant}`),
    ...Object.values(stores).map((name) => `$O.${name}.C.x`),
    `aegis.siem.ocsf.${prey.tenant}.api_activity`,
    statementSubject("authz-0"),
    ...["DECISIONS", "CONTROL", "LEDGER", "SIEM", "PRODUCERS"].map((name) => `$JS.API.STREAM.DELETE.${name}`),
  ];
  for (const target of targets) connection.publish(target, "{}");
  await connection.flush();
  await expect
    .poll(() => new Set(refused.flatMap((text) => targets.filter((target) => text.includes(target)))).size, { timeout: 20_000 })
    .toBe(targets.length);
  await connection.close();
});
