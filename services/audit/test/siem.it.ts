import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { tenantStream } from "@aegis/contracts/subjects";
import { until } from "@aegis/testkit/until";
import { afterAll, beforeAll, expect, test } from "vitest";
import { decision, registered } from "./events.ts";
import { Fabric, type Running } from "./fabric.ts";
import { certificates, elasticReceiver, type Receiver, splunkReceiver, syslogReceiver } from "./receivers.ts";

let fabric: Fabric;
let audit: Running;
let signer: Running;
let secrets: string;
const stack = new AsyncDisposableStack();
const sequences = new Map<string, number>();

beforeAll(async () => {
  fabric = stack.use(await Fabric.start());
  signer = await fabric.startSigner();
  secrets = join(fabric.directory, "secrets");
  audit = await fabric.startAudit(signer, settings());
});
afterAll(() => stack.disposeAsync());

const settings = () => ({
  AEGIS_AUDIT_SINK_SECRETS_DIRECTORY: secrets,
  AEGIS_AUDIT_SINK_DIRECTORY: join(fabric.directory, "sinks"),
  AEGIS_AUDIT_SINKS_ALLOW_INTERNAL: "true",
});

async function secret(tenant: string, name: string, value: string): Promise<void> {
  await mkdir(join(secrets, tenant), { recursive: true });
  await writeFile(join(secrets, tenant, name), value);
}

/** Publishes so many decisions of a tenant. */
async function publish(tenant: string, many: number, args?: Record<string, unknown>): Promise<void> {
  const from = sequences.get(tenant) ?? 0;
  sequences.set(tenant, from + many);
  const made = Array.from({ length: many }, (_, at) =>
    decision({ tenant, sequence: from + at + 1, producer: `authz-${tenant}`, ...(args === undefined ? {} : { arguments: args }) }),
  );
  await fabric.publish(made);
}

const admin = (tenant: string) => ({ [tenant]: ["admin" as const] });

async function call(method: string, path: string, tenant: string, body?: unknown): Promise<Response> {
  const token = await fabric.issuer.token({ user: "alice", roles: admin(tenant) });
  return fetch(`${audit.url}${path}${path.includes("?") ? "&" : "?"}tenant=${tenant}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { "content-type": "application/json" }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

async function setSink(tenant: string, name: string, target: object, more: object = {}): Promise<void> {
  const response = await call("PUT", `/v1/sinks/${name}`, tenant, { target, from: "start", ...more });
  expect([response.status, await response.text()]).toEqual([200, expect.any(String)]);
}

const sink = async (tenant: string, name: string) => (await (await call("GET", `/v1/sinks/${name}`, tenant)).json()) as SinkView;

interface SinkView {
  readonly state: string;
  readonly cursor: number;
  readonly lastError?: string;
  readonly rejections: readonly { readonly sequence: number; readonly reason: string }[];
}

const upTo = (many: number) => Array.from({ length: many }, (_, at) => at);

const has = (receiver: Receiver, many: number, timeoutMs = 60_000) =>
  until(() => receiver.taken.length >= many, {
    what: `${many} entries have arrived (${receiver.taken.length})`,
    timeoutMs,
    intervalMs: 50,
  });

test("an export is every entry of its window in the format asked for, in order, and goes on from a cursor", async () => {
  await publish("exports", 40);
  await fabric.publish([
    registered("exports"),
    { subject: "aegis.decision.exports.a.allow", id: "x", bytes: Buffer.from('{"secret":"hunter2"}') },
  ]);
  await until(async () => (await fabric.count("exports")) === 42, { what: "all are ledgered" });
  const read = async (query: string) => {
    const response = await fabric.get(audit, `/v1/export?tenant=exports&${query}`, { exports: ["soc"] });
    expect(response.status).toBe(200);
    return (await response.text()).split("\n").filter(Boolean);
  };
  const ocsf = (await read("format=ocsf")).map((line) => JSON.parse(line));
  expect(ocsf.map(({ metadata }) => metadata.sequence)).toEqual(upTo(42));
  expect(new Set(ocsf.map(({ class_uid }) => class_uid))).toEqual(new Set([6003, 3004, 2004]));
  expect((await read("format=ecs")).map((line) => JSON.parse(line).event.sequence)).toEqual(upTo(42));
  expect((await read("format=cef")).every((line) => line.startsWith("CEF:0|Aegis|"))).toBe(true);
  const jsonl = (await read("format=jsonl&cursor=9&limit=5")).map((line) => JSON.parse(line));
  expect(jsonl.map(({ sequence }) => sequence)).toEqual([10, 11, 12, 13, 14]);
  expect((await read("kind=control,quarantine")).length).toBe(2);
  expect((await read("from=2025-01-01T00:00:00.010Z&to=2025-01-01T00:00:00.020Z")).length).toBe(10);
  for (const format of ["ocsf", "ecs", "cef", "jsonl"])
    expect((await read(`format=${format}`)).join()).not.toMatch(/hunter2|aHVudGVyMg|secret/);
  expect((await fabric.get(audit, "/v1/export?tenant=exports&format=xml", { exports: ["soc"] })).status).toBe(400);
});

/** How long a sink is down: the drill's ten minutes are AEGIS_DRILL_SINK_SECONDS=600. */
const outage = Number(process.env.AEGIS_DRILL_SINK_SECONDS ?? 3) * 1000;

test(
  "a sink that is down for a while gets everything once it returns, in order, and nothing of another tenant",
  async () => {
    const splunk = stack.use(await splunkReceiver({ token: "hec-token" }));
    await secret("outage", "hec", "hec-token");
    await publish("outage", 30);
    await publish("bystander", 5);
    await setSink("outage", "splunk", {
      kind: "splunk",
      url: `http://127.0.0.1:${splunk.port}/services/collector/event`,
      token: "hec",
      acknowledge: true,
    });
    await has(splunk, 30);
    await splunk.down();
    let published = 30;
    for (
      const until = performance.now() + outage;
      performance.now() < until;
      await new Promise((next) => setTimeout(next, Math.max(100, outage / 200)))
    ) {
      await publish("outage", 20);
      published += 20;
    }
    await until(async () => (await sink("outage", "splunk")).state === "failing", { what: "it says that it fails" });
    expect((await sink("outage", "splunk")).lastError).toMatch(/ECONNREFUSED/);
    const back = performance.now();
    await splunk.up();
    await has(splunk, published, 120_000);
    expect(splunk.taken).toEqual(upTo(published));
    await until(async () => (await sink("outage", "splunk")).state === "up to date", { what: "it says that it is well" });
    const seconds = ((performance.now() - back) / 1000).toFixed(1);
    console.log(
      `sink: ${published} entries, down for ${outage / 1000} s, all there ${seconds} s after its return, ${splunk.deliveries - published} twice`,
    );
  },
  180_000 + outage,
);

test("an audit that is killed in the middle goes on where the target's word ended", async () => {
  const splunk = stack.use(await splunkReceiver({ token: "hec-token" }));
  await secret("killed", "hec", "hec-token");
  await setSink("killed", "splunk", { kind: "splunk", url: `http://127.0.0.1:${splunk.port}/services/collector/event`, token: "hec" });
  await publish("killed", 2_000);
  await has(splunk, 1);
  await audit.kill();
  audit = await fabric.startAudit(signer, settings());
  await publish("killed", 100);
  await has(splunk, 2_100);
  expect(splunk.taken).toEqual(upTo(2_100));
});

test("Splunk: a busy collector is asked again, one event it can never use is named and holds up nothing, a wrong token is no loss", async () => {
  let mood: "well" | "busy" = "busy";
  const splunk = stack.use(await splunkReceiver({ token: "right", refuses: new Set([7, 8, 19]), mood: () => mood }));
  await secret("splunk", "hec", "wrong");
  await publish("splunk", 20);
  await setSink("splunk", "main", { kind: "splunk", url: `http://127.0.0.1:${splunk.port}/services/collector/event`, token: "hec" });
  await until(async () => /403/.test((await sink("splunk", "main")).lastError ?? ""), { what: "the token is refused" });
  await secret("splunk", "hec", "right");
  await until(async () => /503.*busy/.test((await sink("splunk", "main")).lastError ?? ""), { what: "it is busy" });
  mood = "well";
  await has(splunk, 17);
  await until(async () => (await sink("splunk", "main")).state === "up to date", { what: "it has caught up" });
  expect(splunk.taken).toEqual(upTo(20).filter((sequence) => ![7, 8, 19].includes(sequence)));
  const state = await sink("splunk", "main");
  expect(state).toMatchObject({ delivered: 17, rejected: 3 });
  expect(state.rejections.map(({ sequence }) => sequence).toSorted((a, b) => a - b)).toEqual([7, 8, 19]);
});

test("Elasticsearch: what a bulk takes in part is completed in order, each document once", async () => {
  let overloaded = true;
  const elastic = stack.use(
    await elasticReceiver({
      apiKey: "k",
      statusOf: (sequence) => (sequence === 3 ? 400 : overloaded && sequence >= 10 && sequence % 2 === 0 ? 429 : 201),
    }),
  );
  await secret("elastic", "key", "k");
  await publish("elastic", 25, { text: "x".repeat(30_000) });
  await setSink("elastic", "main", { kind: "elastic", url: `http://127.0.0.1:${elastic.port}`, index: "aegis", apiKey: "key" });
  await until(async () => /429/.test((await sink("elastic", "main")).lastError ?? ""), { what: "it is overloaded" });
  expect((await sink("elastic", "main")).cursor).toBe(9);
  overloaded = false;
  await until(async () => (await sink("elastic", "main")).state === "up to date", { what: "it has caught up", timeoutMs: 30_000 });
  expect(elastic.documents.size).toBe(24);
  const state = await sink("elastic", "main");
  expect(state.rejections).toMatchObject([{ sequence: 3, reason: expect.stringContaining("because 3") }]);
});

test("syslog over TLS: what a receiver that dies had not read to the end comes again; its certificate must be the authority's", async () => {
  using pem = certificates();
  let dying: number | undefined = 5_000;
  const syslog = stack.use(await syslogReceiver(pem, () => dying));
  await secret("syslog", "ca", pem.ca);
  await publish("syslog", 60, { text: "pipe | and = and \n<13>1 forged" });
  const target = { kind: "syslog", host: "localhost", port: syslog.port };
  await setSink("syslog", "main", target);
  await until(async () => /certificate/.test((await sink("syslog", "main")).lastError ?? ""), { what: "an unknown authority is refused" });
  await setSink("syslog", "main", { ...target, ca: "ca" });
  await until(async () => /closed before|ECONNRESET|EPIPE/.test((await sink("syslog", "main")).lastError ?? ""), { what: "it dies" });
  expect((await sink("syslog", "main")).cursor).toBe(-1);
  dying = undefined;
  await has(syslog, 60);
  expect(syslog.taken).toEqual(upTo(60));
  expect(syslog.messages.every((message) => /^<110>1 2025-\S+Z \S+ aegis - decision - CEF:0\|Aegis\|/.test(message))).toBe(true);
});

test("files appear whole, in order, and each once", async () => {
  await publish("files", 700);
  await setSink("files", "bucket", { kind: "file" }, { format: "ocsf" });
  await until(async () => (await sink("files", "bucket")).cursor === 699, { what: "all are written", timeoutMs: 30_000 });
  const folder = join(fabric.directory, "sinks", "files", "bucket");
  const names = (await readdir(folder)).filter((name) => !name.endsWith(".draft")).sort();
  const lines = (await Promise.all(names.map((name) => readFile(join(folder, name), "utf8")))).join("").split("\n").filter(Boolean);
  expect(lines.map((line) => JSON.parse(line).metadata.sequence)).toEqual(upTo(700));
});

test("another NATS has each record once its server has stored it; kinds that are not wanted are passed over", async () => {
  const { testBus } = await import("@aegis/testkit/fabric");
  const other = stack.use(await testBus());
  await other.bus.manager.streams.add({ name: "SOC", subjects: ["soc.>"] });
  await fabric.publish([registered("nats")]);
  await publish("nats", 10);
  await fabric.publish([registered("nats")]);
  await setSink("nats", "main", { kind: "nats", url: other.url, subject: "soc.aegis" }, { kinds: ["decision"] });
  await until(async () => (await sink("nats", "main")).cursor === 11, { what: "all are settled" });
  const { state } = await other.bus.manager.streams.info("SOC", { subjects_filter: ">" });
  expect([state.messages, state.subjects]).toEqual([10, { "soc.aegis.nats": 10 }]);
});

test("our own stream has every entry of every tenant under its class, without anybody asking", async () => {
  await publish("stream", 12);
  await fabric.publish([registered("stream")]);
  const subjects = async () =>
    (await fabric.nats.bus.manager.streams.info("SIEM", { subjects_filter: "aegis.siem.ocsf.stream.>" })).state.subjects;
  await until(async () => Object.values((await subjects()) ?? {}).reduce((a, b) => a + b, 0) >= 13, { what: "all are in the stream" });
  expect(await subjects()).toEqual({ "aegis.siem.ocsf.stream.api_activity": 12, "aegis.siem.ocsf.stream.entity_management": 1 });
  expect((await call("PUT", "/v1/streams/stream", "stream")).status).toBe(200);
  const info = await fabric.nats.bus.manager.consumers.info("SIEM", tenantStream("stream").durable);
  expect([info.num_pending, info.config.filter_subject]).toEqual([13, "aegis.siem.ocsf.stream.>"]);
});

/** Reads server-sent events until there are so many; gives ids and data. */
async function events(path: string, many: number, headers: Record<string, string> = {}, roles: object = { sse: ["soc"] }) {
  const token = await fabric.issuer.token({ user: "alice", roles: roles as Record<string, ["soc"]> });
  const stop = new AbortController();
  const response = await fetch(`${audit.url}${path}`, { headers: { authorization: `Bearer ${token}`, ...headers }, signal: stop.signal });
  expect([response.status, response.headers.get("content-type")]).toEqual([200, "text/event-stream"]);
  const read = (async () => {
    const found: { id: number; data: { metadata?: { tenant_uid: string } } }[] = [];
    let text = "";
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
        const fields = Object.fromEntries(
          text
            .slice(0, end)
            .split("\n")
            .map((line) => line.split(/: (.*)/s).slice(0, 2)),
        );
        text = text.slice(end + 2);
        if (fields.id !== undefined) found.push({ id: Number(fields.id), data: JSON.parse(fields.data) });
      }
      if (found.length >= many) break;
    }
    stop.abort();
    return found;
  })();
  return { read };
}

test("a stream of server-sent events goes on without a gap where the last one ended, and shows one tenant", async () => {
  await publish("sse", 5);
  await publish("sse-other", 5);
  await until(async () => (await fabric.count("sse")) === 5, { what: "all are ledgered" });
  const live = await events("/v1/stream?tenant=sse&format=ocsf", 3);
  await publish("sse-other", 5);
  await publish("sse", 3);
  const first = await live.read;
  expect(first.map(({ id }) => id)).toEqual([5, 6, 7]);
  expect(first.every(({ data }) => data.metadata?.tenant_uid === "sse")).toBe(true);
  await publish("sse", 600);
  const resumed = await (await events("/v1/stream?tenant=sse", 600, { "last-event-id": "7" })).read;
  expect(resumed.map(({ id }) => id).slice(0, 600)).toEqual(upTo(608).slice(8));
});

test("a reader that does not read costs the service one page, and no other reader anything", async () => {
  await publish("slow", 60, { text: "x".repeat(100_000) });
  await until(async () => (await fabric.count("slow")) === 60, { what: "all are ledgered" });
  const token = await fabric.issuer.token({ user: "alice", roles: { slow: ["soc"] } });
  const open = async (stop: AbortController) =>
    fetch(`${audit.url}/v1/stream?tenant=slow&after=-1`, { headers: { authorization: `Bearer ${token}` }, signal: stop.signal });
  const stops = upTo(20).map(() => new AbortController());
  const idle = await Promise.all(stops.map(open));
  expect(idle.every(({ status }) => status === 200)).toBe(true);
  expect((await open(new AbortController())).status).toBe(429);
  await publish("sse", 1);
  expect((await (await events("/v1/stream?tenant=sse&after=-1", 1)).read).length).toBeGreaterThan(0);
  for (const stop of stops) stop.abort();
  await until(async () => (await fetch(`${audit.url}/metrics`).then((r) => r.text())).includes('aegis_streams_open{instance="audit-0"'), {
    what: "metrics",
  });
  await until(async () => /aegis_streams_open\{[^}]*\} 0/.test(await (await fetch(`${audit.url}/metrics`)).text()), {
    what: "all are closed",
  });
});

test("sinks are an admin's, of one tenant, and reach nothing inside where that is not allowed", async () => {
  const target = { kind: "file" };
  const put = (roles: object, path = "/v1/sinks/x?tenant=files", body: unknown = { target }) =>
    fabric.issuer.token({ user: "eve", roles: roles as Record<string, ["soc"]> }).then((token) =>
      fetch(`${audit.url}${path}`, {
        method: "PUT",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: JSON.stringify(body),
      }),
    );
  expect((await put({ files: ["soc"] })).status).toBe(403);
  expect((await put({ nats: ["admin"] })).status).toBe(403);
  expect((await put({ files: ["admin"] }, "/v1/sinks/$siem?tenant=files")).status).toBe(400);
  expect((await put({ files: ["admin"] }, "/v1/sinks/..%2Fx?tenant=files")).status).toBe(400);
  for (const wrong of [
    { kind: "splunk", url: "http://u:p@127.0.0.1/", token: "t" },
    { kind: "splunk", url: "file:///etc/passwd", token: "t" },
    { kind: "splunk", url: "https://x.test/", token: "../other/secret" },
    { kind: "stream" },
    { kind: "file", path: "/etc" },
    { kind: "nats", url: "nats://x.test", subject: "soc.>" },
  ])
    expect([wrong, (await put({ files: ["admin"] }, undefined, { target: wrong })).status]).toEqual([wrong, 400]);
  expect((await fabric.get(audit, "/v1/sinks/bucket?tenant=files", { nats: ["admin"] })).status).toBe(403);
  expect(await (await fabric.get(audit, "/v1/sinks?tenant=nats", { nats: ["soc"] })).json()).toMatchObject({ sinks: [{ name: "main" }] });
  for (let made = 1; made < 10; made++) expect((await put({ files: ["admin"] }, `/v1/sinks/s${made}?tenant=files`)).status).toBe(200);
  expect((await put({ files: ["admin"] }, "/v1/sinks/one-more?tenant=files")).status).toBe(429);

  const strict = await fabric.startAudit(signer, { AEGIS_AUDIT_SINK_SECRETS_DIRECTORY: secrets, AEGIS_AUDIT_INSTANCE: "audit-0" });
  await audit.kill();
  audit = strict;
  for (const [name, inside] of Object.entries({
    splunk: { kind: "splunk", url: "https://169.254.169.254/latest", token: "hec" },
    syslog: { kind: "syslog", host: "127.0.0.1", port: 6514 },
    "syslog-name": { kind: "syslog", host: "localhost", port: 6514 },
    nats: { kind: "nats", url: "nats://localhost:4222", subject: "x" },
    file: { kind: "file" },
  })) {
    await secret("inside", "hec", "t");
    await publish("inside", 1);
    await setSink("inside", name, inside);
    await until(async () => /internal|no directory/.test((await sink("inside", name)).lastError ?? ""), { what: `${name} is refused` });
  }
});
