import { Decision } from "@aegis/contracts/aegis/authz/v1/authz";
import {
  AuthorizationError_Code,
  ExtMcp,
  type McpRequestSchema,
  type McpResponseResult,
  type McpResponseSchema,
} from "@aegis/contracts/agentgateway/ext_mcp";
import { Authorization } from "@aegis/contracts/envoy/service/auth/v3/external_auth";
import { RateLimitResponse_Code as Code, RateLimitService } from "@aegis/contracts/envoy/service/ratelimit/v3/rls";
import { type RpcClient, rpcClient } from "@aegis/rpc/client";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startWorld, type World } from "./replica.ts";

const policy = `
apiVersion: aegis.dev/v1
kind: AgentPolicy
metadata: { name: mail, tenant: acme }
spec:
  agents: [mail-agent]
  dlp: [{ detect: [email], in: [/query], action: redact }]
  results: { dlp: [{ detect: [email], action: redact }] }
  tools:
    - name: mail
      justification: looks things up
      actions:
        - { name: search, parameters: { query: { type: string } } }
        - { name: send, parameters: { to: { type: string } }, approval: { queue: office } }
        - { name: "mcp:resources/read", parameters: { uri: { type: string } } }
`;

const started = new AsyncDisposableStack();
let world: World;
let token: string;
let gateway: RpcClient<typeof ExtMcp>;

beforeAll(async () => {
  world = started.use(await startWorld());
  await world.start();
  await world.ready();
  await world.enforce(policy);
  token = await world.token({ client_id: "mail-agent", scope: "mail:*" });
  gateway = started.use(rpcClient(ExtMcp, `127.0.0.1:${world.environment.GRPC_PORT}`, { deadlineMs: 10_000 }));
});
afterAll(() => started.disposeAsync());

const bytes = (value: unknown) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value));
const text = (value: Uint8Array | undefined) => Buffer.from(value ?? []).toString();

describe("agentgateway's ExtMcp", () => {
  const asked = async (change: MessageInitShape<typeof McpRequestSchema>, headers: Record<string, string> = {}) => {
    const given = { authorization: `Bearer ${token}`, ...headers };
    const { result, headerMutation, metadata } = await gateway.checkRequest({
      ...{ serviceNames: ["mail"], method: "tools/call" },
      headers: Object.entries(given).map(([key, value]) => ({ key, value: bytes(value) })),
      ...change,
    });
    const set = Object.fromEntries((headerMutation?.set ?? []).map(({ key, value }) => [key, text(value)]));
    return { result, set, removed: headerMutation?.remove ?? [], metadata };
  };
  const call = (name: string, args: unknown) => ({ mcpRequest: bytes({ name, arguments: args }) });

  test("an allowed call passes, with its decision in headers and metadata and nothing that an agent says in our name", async () => {
    const { result, set, removed, metadata } = await asked(call("search", { query: "x" }), { "X-Aegis-Role": "admin" });
    expect([result.case, set["x-aegis-decision"], set["x-aegis-action"], removed]).toEqual(["pass", "allow", "search", ["x-aegis-role"]]);
    expect(metadata).toMatchObject({ decision: "allow", decision_id: set["x-aegis-decision-id"] });
  });

  test("what must not go out is redacted in the params that go on", async () => {
    const { result, set } = await asked({
      mcpRequest: bytes({ name: "search", arguments: { query: "to jo@example.com" }, _meta: { a: 1 } }),
    });
    expect([result.case, set["x-aegis-decision"]]).toEqual(["mutated", "sanitize"]);
    const params = JSON.parse(text(result.value as Uint8Array));
    expect([params.name, params._meta, params.arguments.query]).toEqual(["search", { a: 1 }, expect.not.stringContaining("jo@")]);
  });

  test.each<[string, MessageInitShape<typeof McpRequestSchema>, Record<string, string>, AuthorizationError_Code, string]>([
    ["that no policy allows", call("wipe", {}), {}, AuthorizationError_Code.PERMISSION_DENIED, "action_not_allowed"],
    ["that people must agree to", call("send", { to: "x" }), {}, AuthorizationError_Code.PERMISSION_DENIED, "approval_needed"],
    [
      "by a bad token",
      call("search", { query: "x" }),
      { authorization: "Bearer x" },
      AuthorizationError_Code.PERMISSION_DENIED,
      "unauthenticated",
    ],
    ["of two readings", { mcpRequest: bytes('{"name":"search","name":"wipe"}') }, {}, AuthorizationError_Code.INVALID, "invalid_argument"],
    ["that would add members", { mcpRequest: bytes('{},"method":"ping"') }, {}, AuthorizationError_Code.INVALID, "invalid_argument"],
    [
      "to two servers",
      { ...call("search", { query: "x" }), serviceNames: ["mail", "files"] },
      {},
      AuthorizationError_Code.PERMISSION_DENIED,
      "invalid_argument",
    ],
    ["to none", { ...call("search", { query: "x" }), serviceNames: [] }, {}, AuthorizationError_Code.PERMISSION_DENIED, "invalid_argument"],
    ["of an unknown method", { method: "resources/delete", mcpRequest: bytes({ uri: "x" }) }, {}, 1, "action_not_allowed"],
  ])("a call %s is refused, with why", async (_, change, headers, code, why) => {
    const { result } = await asked(change, headers);
    expect([result.case, result.case === "error" && result.value.code]).toEqual(["error", code]);
    expect(text(result.case === "error" ? result.value.mcpError : undefined)).toContain(why);
  });

  test("talk needs an agent that may act, and no more", async () => {
    for (const method of ["initialize", "tools/list", "ping", "notifications/initialized"])
      expect((await asked({ method })).result.case, method).toBe("pass");
    expect((await asked({ method: "tools/list", serviceNames: ["mail", "files"] })).result.case).toBe("pass");
    expect((await asked({ method: "ping" }, { authorization: "Bearer x" })).result.case).toBe("error");
  });

  test("an operator's name for the server goes before the gateway's", async () => {
    const renamed = { ...call("search", { query: "x" }), serviceNames: ["mail-backend-2"] };
    expect((await asked(renamed)).result.case).toBe("error");
    expect((await asked({ ...renamed, metadataContext: { aegis_tool: "mail" } })).result.case).toBe("pass");
  });

  const answered = async (
    change: MessageInitShape<typeof McpResponseSchema>,
    more: Record<string, string> = {},
  ): Promise<McpResponseResult> =>
    gateway.checkResponse({
      ...{ serviceNames: ["mail"], method: "tools/call", metadataContext: { authorization: `Bearer ${token}`, ...more } },
      ...change,
    });

  test("an answer comes back without what must not be seen, as a decision of its own", async () => {
    const { set } = await asked(call("search", { query: "x" }));
    const about = { aegis_decision_id: set["x-aegis-decision-id"] ?? "", aegis_action: set["x-aegis-action"] ?? "" };
    const found = { content: [{ type: "text", text: "bob@example.com wrote" }] };
    const redacted = await answered({ mcpResponse: bytes(found) }, about);
    expect(redacted.result.case).toBe("mutated");
    expect(text(redacted.result.value as Uint8Array)).toMatch(/wrote/);
    expect(text(redacted.result.value as Uint8Array)).not.toContain("bob@");
    expect((await answered({ mcpResponse: bytes({ content: [] }) }, about)).result.case).toBe("pass");
    // A gateway that does not say whose answer it is, or which call's, gets none through.
    expect((await answered({ mcpResponse: bytes(found) })).result.case).toBe("error");
    expect((await answered({ mcpResponse: bytes(found) }, { ...about, authorization: "" })).result.case).toBe("error");
    expect((await answered({ mcpResponse: bytes('{"a":1,"a":2}') }, about)).result.case).toBe("error");
  });

  test("a list shows the tools that the agent may call, also when it is put together of several servers'", async () => {
    const listed = async (serviceNames: string[], ...names: string[]) => {
      const tools = names.map((name) => ({ name, inputSchema: {} }));
      const { result } = await answered({ serviceNames, method: "tools/list", mcpResponse: bytes({ tools, nextCursor: "c" }) });
      const list = JSON.parse(text(result.value as Uint8Array));
      return [list.nextCursor, ...list.tools.map((tool: { name: string }) => tool.name)];
    };
    expect(await listed(["mail"], "search", "wipe", "send")).toEqual(["c", "search", "send"]);
    expect(await listed(["mail", "files"], "mail_search", "mail_wipe", "files_search", "search")).toEqual(["c", "mail_search"]);
    expect(await listed(["mail", "mail_x"], "mail_search", "mail_x_search")).toEqual(["c", "mail_search"]);
  });
});

describe("authorization details (RFC 9396)", () => {
  const detail = { type: "aegis_tool_call", identifier: "mail", actions: ["search"], parameters: { query: { max_length: 3 } } };
  const limited = (...authorization_details: object[]) => world.token({ client_id: "mail-agent", scope: "mail:*", authorization_details });

  /** What each face says of a search for this text: "allow", or the first reason's code. */
  async function everyFace(bearer: string, query: string): Promise<Record<string, string>> {
    const headers = { authorization: `Bearer ${bearer}`, "content-type": "application/json" };
    const post = async (path: string, body: object) => {
      const answer = await fetch(`${world.http}${path}`, { method: "POST", headers, body: JSON.stringify(body) });
      return (await answer.json()) as Record<string, { decision: string; reasons: { code: string }[] }>;
    };
    const said = (of: { decision: string; reasons?: { code: string }[] } | undefined) => of?.reasons?.[0]?.code ?? of?.decision ?? "?";
    const call = { tool: "mail", action: "search", args: { case: "argumentsJson" as const, value: bytes({ query }) } };
    const grpc = async () => {
      const { decision, reasons } = await world.client.check({ agentToken: bearer, ...call });
      return reasons[0]?.code ?? (decision === Decision.ALLOW ? "allow" : "?");
    };
    const batch = async () => {
      const { responses } = await world.client.checkBatch({ requests: [{ agentToken: bearer, ...call }] });
      const { outcome } = responses[0]!;
      return outcome.case === "response" ? (outcome.value.reasons[0]?.code ?? "allow") : "?";
    };
    const evaluation = {
      ...{ subject: { type: "agent", id: "mail-agent" }, resource: { type: "tool", id: "mail" } },
      action: { name: "search", properties: { query } },
    };
    const { context, evaluations, result } = {
      ...(await post("/access/v1/evaluation", evaluation)),
      ...(await post("/access/v1/evaluations", { evaluations: [evaluation] })),
      ...(await post("/v1/data/aegis/decision", { input: { tool: "mail", action: "search", arguments: { query } } })),
    };
    const envoy = started.use(rpcClient(Authorization, `127.0.0.1:${world.environment.GRPC_PORT}`, { deadlineMs: 10_000 }));
    const http = { method: "POST", path: "/", host: "mail.test", scheme: "https", headers, rawBody: bytes({ query }) };
    const contextExtensions = { "aegis-tool": "mail", "aegis-action": "search" };
    const { httpResponse } = await envoy.check({ attributes: { request: { http }, contextExtensions } });
    const mcp = await gateway.checkRequest({
      ...{ serviceNames: ["mail"], method: "tools/call", mcpRequest: bytes({ name: "search", arguments: { query } }) },
      headers: [{ key: "authorization", value: bytes(headers.authorization) }],
    });
    return {
      ...{ grpc: await grpc(), batch: await batch(), authzen: said(context), opa: said(result) },
      authzenBatch: said((evaluations as unknown as { context: typeof context }[])[0]?.context),
      extAuthz: httpResponse.case === "deniedResponse" ? said(JSON.parse(httpResponse.value.body)) : "allow",
      extMcp: mcp.result.case === "error" ? said(JSON.parse(text(mcp.result.value.mcpError))) : "allow",
    };
  }

  test("every face holds a token to them", async () => {
    const bearer = await limited(detail);
    expect(new Set(Object.values(await everyFace(bearer, "abc")))).toEqual(new Set(["allow"]));
    const beyond = await everyFace(bearer, "abcd");
    expect(Object.keys(beyond)).toHaveLength(7);
    expect(new Set(Object.values(beyond))).toEqual(new Set(["authorization_details_exceeded"]));
  });

  test("a signed token of a type that is not known here is denied by every face, and has no rate of its own", async () => {
    const bearer = await limited(detail, { type: "newer" });
    expect(new Set(Object.values(await everyFace(bearer, "abc")))).toEqual(new Set(["authorization_details_exceeded"]));
    const limits = started.use(rpcClient(RateLimitService, `127.0.0.1:${world.environment.GRPC_PORT}`, { deadlineMs: 10_000 }));
    const descriptors = [{ entries: [{ key: "authorization", value: `Bearer ${bearer}` }] }];
    await expect(limits.shouldRateLimit({ domain: "aegis", descriptors })).rejects.toMatchObject({ code: "permission_denied" });
  });

  test("a list shows the tools that they name, whatever arguments those would need", async () => {
    const metadataContext = { authorization: `Bearer ${await limited(detail)}` };
    const mcpResponse = bytes({ tools: ["search", "send"].map((name) => ({ name, inputSchema: {} })) });
    const { result } = await gateway.checkResponse({ serviceNames: ["mail"], method: "tools/list", mcpResponse, metadataContext });
    const { tools } = JSON.parse(text(result.value as Uint8Array)) as { tools: { name: string }[] };
    expect(tools.map(({ name }) => name)).toEqual(["search"]);
  });

  test("the metadata of the resource names the type", async () => {
    const metadata = await (await fetch(`${world.http}/.well-known/oauth-protected-resource`)).json();
    expect(metadata).toMatchObject({ authorization_details_types_supported: ["aegis_tool_call"] });
  });
});

describe("Envoy's rate limit service", () => {
  let limits: RpcClient<typeof RateLimitService>;
  beforeAll(() => {
    limits = started.use(rpcClient(RateLimitService, `127.0.0.1:${world.environment.GRPC_PORT}`, { deadlineMs: 10_000 }));
  });
  const hit = (entries: Record<string, string>, hitsAddend = 0) =>
    limits.shouldRateLimit({
      ...{ domain: "aegis", hitsAddend },
      descriptors: [{ entries: Object.entries(entries).map(([key, value]) => ({ key, value })) }],
    });
  const agent = () => ({ authorization: `Bearer ${token}` });

  test("hits pass while there is room under the rates of agent, tool and tenant; all of a request's or none", async () => {
    world.peers.places.set("agent/mail-agent", 4);
    expect(await hit(agent())).toMatchObject({ overallCode: Code.OK, statuses: [{ code: Code.OK }] });
    expect((await hit(agent(), 4)).overallCode).toBe(Code.OVER_LIMIT);
    const rest = await hit(agent(), 3);
    expect(rest.overallCode).toBe(Code.OK);
    const over = await hit(agent());
    expect(over).toMatchObject({
      overallCode: Code.OVER_LIMIT,
      statuses: [{ code: Code.OVER_LIMIT, durationUntilReset: { seconds: 7n } }],
    });
    expect(over.responseHeadersToAdd).toMatchObject([{ key: "retry-after", value: "7" }]);
    world.peers.places.delete("agent/mail-agent");
    world.peers.places.set("tool/mail", 0);
    expect([(await hit(agent())).overallCode, (await hit({ ...agent(), "aegis-tool": "mail" })).overallCode]).toEqual([
      Code.OK,
      Code.OVER_LIMIT,
    ]);
  });

  test.each<[string, () => Record<string, string>, number, string]>([
    ["of nobody", () => ({ path: "/" }), 0, "invalid_argument"],
    ["of a stranger", () => ({ authorization: "Bearer x" }), 0, "unauthenticated"],
    ["by the thousand", agent, 1_000, "invalid_argument"],
    ["of no tool's name", () => ({ ...agent(), "aegis-tool": "a b" }), 0, "invalid_argument"],
  ])("a hit %s is an error, which a gateway takes for a refusal", async (_, entries, hits, code) => {
    await expect(hit(entries(), hits)).rejects.toMatchObject({ code });
  });

  test("without descriptors, or with very many, nothing is answered", async () => {
    const many = Array.from({ length: 17 }, () => ({ entries: [{ key: "authorization", value: `Bearer ${token}` }] }));
    for (const descriptors of [[], many])
      await expect(limits.shouldRateLimit({ domain: "aegis", descriptors })).rejects.toMatchObject({ code: "invalid_argument" });
  });
});
