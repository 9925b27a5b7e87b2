import { AuthorizationService, Decision } from "@aegis/contracts/aegis/authz/v1/authz";
import { ExtMcp } from "@aegis/contracts/agentgateway/ext_mcp";
import { Authorization } from "@aegis/contracts/envoy/service/auth/v3/external_auth";
import { signProof } from "@aegis/identity/dpop";
import { generateKey, thumbprint } from "@aegis/identity/keys";
import { freePort } from "@aegis/infra/ports";
import { type RpcClient, rpcClient } from "@aegis/rpc/client";
import { type Authority, type Certificate, certificateAuthority } from "@aegis/testkit/certificates";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startWorld, type World } from "./replica.ts";

const policy = `
agent: finance-agent
allowed_tools:
- name: stripe-payments
  actions:
  - create_payment
`;

const started = new AsyncDisposableStack();
let world: World;
let authority: Authority;
let [first, second]: Certificate[] = [];
let mtls: Record<string, string>;
let bound: string;

beforeAll(async () => {
  world = started.use(await startWorld());
  authority = await certificateAuthority();
  const server = await authority.certify("authz");
  [first, second] = [await authority.certify("first"), await authority.certify("second")];
  mtls = {
    MTLS_PORT: String(await freePort()),
    ...{ MTLS_CERTIFICATE: server.cert, MTLS_KEY: server.key, MTLS_CLIENT_AUTHORITIES: authority.ca },
  };
  await world.start(mtls);
  await world.ready();
  await world.enforce(policy);
  bound = await world.token({ cnf: { "x5t#S256": first.thumbprint } });
});
afterAll(() => started.disposeAsync());

/** What a Check says over a connection that was made with this certificate, or over the port without TLS. */
async function ask(agentToken: string, shown: Certificate | "none" | "plain", dpopProof = ""): Promise<string> {
  const own = shown === "none" || shown === "plain" ? {} : { certificate: shown.cert, key: shown.key };
  const port = shown === "plain" ? world.environment.GRPC_PORT : mtls.MTLS_PORT;
  const tls = shown === "plain" ? {} : { tls: { authorities: authority.ca, ...own } };
  using client: RpcClient<typeof AuthorizationService> = rpcClient(AuthorizationService, `127.0.0.1:${port}`, {
    ...{ deadlineMs: 5_000, alone: true },
    ...tls,
  });
  const args = { case: "argumentsJson" as const, value: Buffer.from("{}") };
  return await client.check({ agentToken, dpopProof, tool: "stripe-payments", action: "create_payment", args }).then(
    ({ decision, reasons }) => (decision === Decision.ALLOW ? "allow" : (reasons[0]?.code ?? "?")),
    (error: { code: string }) => error.code,
  );
}

test("RFC 8705 §3: a bound token decides over a connection with its certificate, and over no other", async () => {
  expect(await ask(bound, first!)).toBe("allow");
  expect(await ask(bound, second!), "another certificate of the same authority").toBe("unauthenticated");
  expect(await ask(bound, "plain"), "no TLS").toBe("unauthenticated");
  expect(await ask(bound, "none"), "no certificate: no connection").toBe("unavailable");
  const stranger = await (await certificateAuthority()).certify("first");
  expect(await ask(bound, stranger), "a stranger's certificate: no connection").toBe("unavailable");
  expect(await ask(await world.token(), second!), "a token that is bound to nothing").toBe("allow");
});

test("a token bound to a key is not taken with a certificate, nor one bound to a certificate with a proof, nor one bound to both", async () => {
  const key = await generateKey("ES256");
  const jkt = await thumbprint(key.publicJwk);
  const htu = `http://127.0.0.1:${world.environment.GRPC_PORT}/aegis.authz.v1.AuthorizationService/Check`;
  const proof = (accessToken: string) => signProof({ privateJwk: key.privateJwk, htm: "POST", htu, accessToken });
  const byKey = await world.token({ cnf: { jkt } });
  expect(await ask(byKey, first!)).toBe("unauthenticated");
  expect(await ask(byKey, first!, await proof(byKey))).toBe("allow");
  expect(await ask(bound, first!, await proof(bound))).toBe("unauthenticated");
  expect(await ask(bound, "plain", await proof(bound))).toBe("unauthenticated");
  const both = await world.token({ cnf: { jkt, "x5t#S256": first!.thumbprint } });
  expect(await ask(both, first!, await proof(both))).toBe("unauthenticated");
  expect(await ask(await world.token({ cnf: { "x5t#S384": first!.thumbprint } }), first!)).toBe("unauthenticated");
});

/** What agentgateway, which takes no such header away itself, is told. */
async function askOverExtMcp(header: string): Promise<string | undefined> {
  using gateway = rpcClient(ExtMcp, `127.0.0.1:${world.environment.GRPC_PORT}`, { deadlineMs: 5_000, alone: true });
  const said = { authorization: `Bearer ${bound}`, "x-forwarded-client-cert": header };
  const headers = Object.entries(said).map(([key, value]) => ({ key, value: Buffer.from(value) }));
  return (await gateway.checkRequest({ serviceNames: ["mail"], method: "ping", headers })).result.case;
}

/** What a gateway that forwards this header is told. */
async function askThroughGateway(header: string): Promise<number> {
  using gateway = rpcClient(Authorization, `127.0.0.1:${world.environment.GRPC_PORT}`, { deadlineMs: 5_000, alone: true });
  const headers = { authorization: `Bearer ${bound}`, "content-type": "application/json", "x-forwarded-client-cert": header };
  const http = { method: "POST", path: "/", host: "stripe.test", scheme: "https", headers, rawBody: Buffer.from("{}") };
  const contextExtensions = { "aegis-tool": "stripe-payments", "aegis-action": "create_payment" };
  const { httpResponse } = await gateway.check({ attributes: { request: { http }, contextExtensions } });
  return httpResponse.case === "deniedResponse" ? (httpResponse.value.status?.code as number) : 200;
}

test("a certificate that a gateway forwards is believed only where that is set, and only the agent's own", async () => {
  const hashOf = ({ thumbprint: text }: Certificate) => `Hash=${Buffer.from(text, "base64url").toString("hex")}`;
  expect(await askThroughGateway(hashOf(first!))).toBe(401);
  const resource = async () => (await fetch(`${world.http}/.well-known/oauth-protected-resource`)).json();
  expect(await resource()).toMatchObject({ tls_client_certificate_bound_access_tokens: true });
  await world.stop("SIGTERM");
  await world.start({ FORWARDED_CERTIFICATES: "true" });
  await world.ready();
  expect(await resource()).toMatchObject({ tls_client_certificate_bound_access_tokens: true });
  await expect.poll(() => askThroughGateway(`By=x;${hashOf(first!)};Subject="CN=first"`), { timeout: 20_000 }).toBe(200);
  expect(await askThroughGateway(hashOf(second!))).toBe(401);
  expect(await askThroughGateway(`${hashOf(second!)},${hashOf(first!)}`)).toBe(401);
  expect(await askOverExtMcp(hashOf(first!)), "an MCP gateway").toBe("error");
  expect(await ask(bound, "plain")).toBe("unauthenticated");
});
