import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { until } from "@aegis/testkit/until";
import { expect, test } from "vitest";
import { registered } from "./events.ts";
import { certificates, elasticReceiver, splunkReceiver, syslogReceiver } from "./receivers.ts";
import { has, siemFabric, upTo } from "./siem-fabric.ts";

const siem = siemFabric();
const { stack, secret, publish, setSink, sink } = siem;

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
  await siem.restart();
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
  const folder = join(siem.fabric.directory, "sinks", "files", "bucket");
  const names = (await readdir(folder)).filter((name) => !name.endsWith(".draft")).sort();
  const lines = (await Promise.all(names.map((name) => readFile(join(folder, name), "utf8")))).join("").split("\n").filter(Boolean);
  expect(lines.map((line) => JSON.parse(line).metadata.sequence)).toEqual(upTo(700));
});

test("another NATS has each record once its server has stored it; kinds that are not wanted are passed over", async () => {
  const { testBus } = await import("@aegis/testkit/fabric");
  const other = stack.use(await testBus());
  await other.bus.manager.streams.add({ name: "SOC", subjects: ["soc.>"] });
  await siem.fabric.publish([registered("nats")]);
  await publish("nats", 10);
  await siem.fabric.publish([registered("nats")]);
  await setSink("nats", "main", { kind: "nats", url: other.url, subject: "soc.aegis" }, { kinds: ["decision"] });
  await until(async () => (await sink("nats", "main")).cursor === 11, { what: "all are settled" });
  const { state } = await other.bus.manager.streams.info("SOC", { subjects_filter: ">" });
  expect([state.messages, state.subjects]).toEqual([10, { "soc.aegis.nats": 10 }]);
});

test("sinks are an admin's, of one tenant, and reach nothing inside where that is not allowed", async () => {
  const target = { kind: "file" };
  const put = (roles: object, path = "/v1/sinks/x?tenant=files", body: unknown = { target }) =>
    siem.fabric.issuer.token({ user: "eve", roles: roles as Record<string, ["soc"]> }).then((token) =>
      fetch(`${siem.audit.url}${path}`, {
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
  expect((await siem.fabric.get(siem.audit, "/v1/sinks/bucket?tenant=files", { nats: ["admin"] })).status).toBe(403);
  expect(await (await siem.fabric.get(siem.audit, "/v1/sinks?tenant=nats", { nats: ["soc"] })).json()).toMatchObject({
    sinks: [{ name: "main" }],
  });
  for (let made = 1; made < 10; made++) expect((await put({ files: ["admin"] }, `/v1/sinks/s${made}?tenant=files`)).status).toBe(200);
  expect((await put({ files: ["admin"] }, "/v1/sinks/one-more?tenant=files")).status).toBe(429);

  await siem.restart({ strict: true });
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
