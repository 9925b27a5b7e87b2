import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { until } from "@aegis/testkit/until";
import { afterAll, beforeAll, expect } from "vitest";
import { decision } from "./events.ts";
import { Fabric, type Running } from "./fabric.ts";
import type { Receiver } from "./receivers.ts";

interface SinkView {
  readonly state: string;
  readonly cursor: number;
  readonly lastError?: string;
  readonly rejections: readonly { readonly sequence: number; readonly reason: string }[];
}

export const upTo = (many: number) => Array.from({ length: many }, (_, at) => at);

export const has = (receiver: Receiver, many: number, timeoutMs = 60_000) =>
  until(() => receiver.taken.length >= many, {
    what: `${many} entries have arrived (${receiver.taken.length})`,
    timeoutMs,
    intervalMs: 50,
  });

/** An audit whose tenants have sinks, for the tests of one file. */
export function siemFabric() {
  const stack = new AsyncDisposableStack();
  const sequences = new Map<string, number>();
  let fabric: Fabric;
  let audit: Running;
  let signer: Running;
  const secrets = () => join(fabric.directory, "secrets");
  const settings = () => ({
    AEGIS_AUDIT_SINK_SECRETS_DIRECTORY: secrets(),
    AEGIS_AUDIT_SINK_DIRECTORY: join(fabric.directory, "sinks"),
    AEGIS_AUDIT_SINKS_ALLOW_INTERNAL: "true",
  });
  beforeAll(async () => {
    fabric = stack.use(await Fabric.start());
    signer = await fabric.startSigner();
    audit = await fabric.startAudit(signer, settings());
  });
  afterAll(() => stack.disposeAsync());

  /** As an admin of the tenant. */
  async function call(method: string, path: string, tenant: string, body?: unknown): Promise<Response> {
    const token = await fabric.issuer.token({ user: "alice", roles: { [tenant]: ["admin"] } });
    return fetch(`${audit.url}${path}${path.includes("?") ? "&" : "?"}tenant=${tenant}`, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { "content-type": "application/json" }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }

  return {
    /** Released when the file's tests are over. */
    stack,
    call,
    get fabric() {
      return fabric;
    },
    get audit() {
      return audit;
    },
    /** Kills audit and starts it again; `strict`: with no directory of sinks, and nothing inside in reach. */
    async restart({ strict = false } = {}): Promise<void> {
      await audit.kill();
      audit = await fabric.startAudit(signer, strict ? { AEGIS_AUDIT_SINK_SECRETS_DIRECTORY: secrets() } : settings());
    },
    async secret(tenant: string, name: string, value: string): Promise<void> {
      await mkdir(join(secrets(), tenant), { recursive: true });
      await writeFile(join(secrets(), tenant, name), value);
    },
    /** Publishes so many decisions of a tenant. */
    async publish(tenant: string, many: number, args?: Record<string, unknown>): Promise<void> {
      const from = sequences.get(tenant) ?? 0;
      sequences.set(tenant, from + many);
      const made = Array.from({ length: many }, (_, at) =>
        decision({ tenant, sequence: from + at + 1, producer: `authz-${tenant}`, ...(args === undefined ? {} : { arguments: args }) }),
      );
      await fabric.publish(made);
    },
    async setSink(tenant: string, name: string, target: object, more: object = {}): Promise<void> {
      const response = await call("PUT", `/v1/sinks/${name}`, tenant, { target, from: "start", ...more });
      expect([response.status, await response.text()]).toEqual([200, expect.any(String)]);
    },
    sink: async (tenant: string, name: string) => (await (await call("GET", `/v1/sinks/${name}`, tenant)).json()) as SinkView,
  };
}
