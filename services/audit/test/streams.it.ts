import { tenantStream } from "@aegis/contracts/subjects";
import { until } from "@aegis/testkit/until";
import { expect, test } from "vitest";
import { registered } from "./events.ts";
import { siemFabric, upTo } from "./siem-fabric.ts";

const siem = siemFabric();
const { publish, call } = siem;

test("an export is every entry of its window in the format asked for, in order, and goes on from a cursor", async () => {
  await publish("exports", 40);
  await siem.fabric.publish([
    registered("exports"),
    { subject: "aegis.decision.exports.a.allow", id: "x", bytes: Buffer.from('{"secret":"hunter2"}') },
  ]);
  await until(async () => (await siem.fabric.count("exports")) === 42, { what: "all are ledgered" });
  const read = async (query: string) => {
    const response = await siem.fabric.get(siem.audit, `/v1/export?tenant=exports&${query}`, { exports: ["soc"] });
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
  expect((await siem.fabric.get(siem.audit, "/v1/export?tenant=exports&format=xml", { exports: ["soc"] })).status).toBe(400);
});

test("our own stream has every entry of every tenant under its class, without anybody asking", async () => {
  await publish("stream", 12);
  await siem.fabric.publish([registered("stream")]);
  const subjects = async () =>
    (await siem.fabric.nats.bus.manager.streams.info("SIEM", { subjects_filter: "aegis.siem.ocsf.stream.>" })).state.subjects;
  await until(async () => Object.values((await subjects()) ?? {}).reduce((a, b) => a + b, 0) >= 13, { what: "all are in the stream" });
  expect(await subjects()).toEqual({ "aegis.siem.ocsf.stream.api_activity": 12, "aegis.siem.ocsf.stream.entity_management": 1 });
  expect((await call("PUT", "/v1/streams/stream", "stream")).status).toBe(200);
  const info = await siem.fabric.nats.bus.manager.consumers.info("SIEM", tenantStream("stream").durable);
  expect([info.num_pending, info.config.filter_subject]).toEqual([13, "aegis.siem.ocsf.stream.>"]);
});

/** Reads server-sent events until there are so many; gives ids and data. */
async function events(path: string, many: number, headers: Record<string, string> = {}, roles: object = { sse: ["soc"] }) {
  const token = await siem.fabric.issuer.token({ user: "alice", roles: roles as Record<string, ["soc"]> });
  const stop = new AbortController();
  const response = await fetch(`${siem.audit.url}${path}`, {
    headers: { authorization: `Bearer ${token}`, ...headers },
    signal: stop.signal,
  });
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
  await until(async () => (await siem.fabric.count("sse")) === 5, { what: "all are ledgered" });
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
  await until(async () => (await siem.fabric.count("slow")) === 60, { what: "all are ledgered" });
  const token = await siem.fabric.issuer.token({ user: "alice", roles: { slow: ["soc"] } });
  const open = async (stop: AbortController) =>
    fetch(`${siem.audit.url}/v1/stream?tenant=slow&after=-1`, { headers: { authorization: `Bearer ${token}` }, signal: stop.signal });
  const stops = upTo(20).map(() => new AbortController());
  const idle = await Promise.all(stops.map(open));
  expect(idle.every(({ status }) => status === 200)).toBe(true);
  expect((await open(new AbortController())).status).toBe(429);
  await publish("sse", 1);
  expect((await (await events("/v1/stream?tenant=sse&after=-1", 1)).read).length).toBeGreaterThan(0);
  for (const stop of stops) stop.abort();
  await until(
    async () => (await fetch(`${siem.audit.url}/metrics`).then((r) => r.text())).includes('aegis_streams_open{instance="audit-0"'),
    {
      what: "metrics",
    },
  );
  await until(async () => /aegis_streams_open\{[^}]*\} 0/.test(await (await fetch(`${siem.audit.url}/metrics`)).text()), {
    what: "all are closed",
  });
});
