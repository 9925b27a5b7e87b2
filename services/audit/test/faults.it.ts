import { until } from "@aegis/testkit/until";
import { openCheckpoint, tenantKey } from "@aegis/tlog/checkpoint";
import { rootAt } from "@aegis/tlog/proof";
import { availableWidth, nodesFromTiles, parseEntryBundle, parseHashTile, tilePath, tilesOf } from "@aegis/tlog/tiles";
import { Frontier, leafHash } from "@aegis/tlog/tree";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import { decision } from "./events.ts";
import { Fabric, type Running } from "./fabric.ts";

let fabric: Fabric;
let signer: Running;
let audit: Running;

beforeAll(async () => {
  fabric = await Fabric.start();
  signer = await fabric.startSigner();
  audit = await fabric.startAudit(signer);
});
afterAll(() => fabric[Symbol.asyncDispose]());

test("a log longer than one tile can be verified from its C2SP tiles alone", async () => {
  const size = 700;
  await fabric.publish(Array.from({ length: size }, (_, at) => decision({ tenant: "tiles", sequence: at + 1, producer: "authz-1" })));
  await fabric.covered("tiles", size);
  const note = await (await fabric.get(audit, "/tlog/tiles/checkpoint")).text();
  const opened = openCheckpoint(note, tenantKey(fabric.key, "tiles"));
  if (!opened.ok) throw new Error(opened.why);
  expect(opened.checkpoint.size).toBe(size);
  const files = new Map<string, Uint8Array>();
  for (const address of tilesOf(size)) {
    const response = await fabric.get(audit, `/tlog/tiles/${tilePath(address)}`);
    expect(response.status, tilePath(address)).toBe(200);
    files.set(tilePath(address), new Uint8Array(await response.arrayBuffer()));
  }
  const read = nodesFromTiles(async (level, index) =>
    parseHashTile(files.get(tilePath({ level, index, width: availableWidth({ level, index }, size) })) as Uint8Array),
  );
  expect(Buffer.from(await rootAt(size, read))).toEqual(Buffer.from(opened.checkpoint.root));
  const frontier = Frontier.empty();
  for (const address of tilesOf(size)) {
    if (address.level !== "entries") continue;
    for (const entry of parseEntryBundle(files.get(tilePath(address)) as Uint8Array)) frontier.append(leafHash(entry));
  }
  expect(Buffer.from(frontier.root())).toEqual(Buffer.from(opened.checkpoint.root));
  for (const path of ["tile/0/002.p/189", "tile/0/003", "tile/1/000", "tile/entries/002", "tile/0/2", "tile/9/000.p/1"]) {
    expect((await fabric.get(audit, `/tlog/tiles/${path}`)).status, path).toBe(404);
  }
});

test("batches whose connections are cut in the middle are neither lost nor doubled", async () => {
  const events = Array.from({ length: 3_000 }, (_, at) => decision({ tenant: "cut", sequence: at + 1, producer: "authz-2" }));
  const cutOne = () =>
    fabric.superuser(async (db) => {
      const { rows } = await sql`select pg_terminate_backend(pid) from pg_stat_activity
        where usename = 'audit' and datname = current_database() and backend_xid is not null`.execute(db);
      return rows.length > 0;
    });
  for (let from = 0; from < events.length; from += 500) {
    await fabric.publish(events.slice(from, from + 500));
    await until(cutOne, { what: "a transaction that has written is cut", intervalMs: 1 });
  }
  await fabric.covered("cut", events.length, 90_000);
  expect(await fabric.count("cut")).toBe(events.length);
  expect((await fabric.verify(audit)).faults).toEqual([]);
}, 180_000);

test("a NATS that is killed and comes back is read on from where it was", async () => {
  await fabric.publish(Array.from({ length: 200 }, (_, at) => decision({ tenant: "killed", sequence: at + 1, producer: "authz-3" })));
  await fabric.nats.kill();
  await until(async () => (await fetch(`${audit.url}/readyz`)).status === 503, { what: "audit says that it is not ready" });
  await fabric.nats.start();
  await until(() => fabric.nats.bus.connected());
  await fabric.publish(Array.from({ length: 200 }, (_, at) => decision({ tenant: "killed", sequence: at + 201, producer: "authz-3" })));
  await fabric.covered("killed", 400, 60_000);
  expect(await fabric.count("killed")).toBe(400);
  expect((await fabric.verify(audit)).faults).toEqual([]);
}, 120_000);
