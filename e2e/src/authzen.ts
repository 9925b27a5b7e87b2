import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { root } from "./cli.ts";
import { sharedTenant, type Tenant } from "./tenant.ts";

/** An answer over HTTP. */
interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into whatever came.
  readonly body: any;
}

/** A plain HTTP client with one bearer token, as an enforcement point of any make has it. */
export interface Pep {
  readonly url: string;
  readonly token: string;
  request(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Answer>;
}

export function pep(url: string, token: string): Pep {
  const request: Pep["request"] = async (method, path, body, headers = {}) => {
    const sent = body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) };
    const typed = body === undefined ? {} : { "content-type": "application/json" };
    const target = path.startsWith("http") ? path : `${url}${path}`;
    const response = await fetch(target, { method, headers: { authorization: `Bearer ${token}`, ...typed, ...headers }, ...sent });
    const text = await response.text();
    const json = /json/.test(response.headers.get("content-type") ?? "");
    return { status: response.status, headers: response.headers, body: json ? JSON.parse(text) : text };
  };
  return { url, token, request, post: (path, body, headers) => request("POST", path, body, headers) };
}

/** A tenant whose gateway may say for which user it asks, with the examples' policies in force. */
export async function authzenTenant(): Promise<{ tenant: Tenant; gateway: Pep; tokenOf: (agent: string) => Promise<string> }> {
  const tenant = await sharedTenant("authzen");
  const example = (name: string) => readFile(join(root, "examples/authzen", name), "utf8");
  await tenant.publish(await example("records.yaml"), await example("documents.yaml"));
  await tenant.register("records-gateway", "--scope", "record-1:* record-2:* q4-plan:* authzen:assert-subject");
  const tokenOf = async (agent: string) =>
    (await tenant.cli.json<{ access_token: string }>(["token", "issue", "--tenant", tenant.name, "--agent", agent])).access_token;
  const gateway = pep(tenant.fabric.endpoints.authz.http, await tokenOf("records-gateway"));
  return { tenant, gateway, tokenOf };
}
