import { once } from "node:events";
import http2, { type ServerHttp2Session } from "node:http2";
import type { AddressInfo } from "node:net";
import fc from "fast-check";
import { expect, test } from "vitest";
import { replaceStreamTable, StreamTable } from "./stream-table.ts";

test("it answers as a map does, whatever is put in and taken out", () => {
  const step = fc.record({ id: fc.integer({ min: 0, max: 8 }), value: fc.option(fc.integer()) });
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const [table, map] = [new StreamTable<number>(), new Map<number, number>()];
      for (const { id, value } of steps) {
        if (value === null) expect(table.delete(id)).toBe(map.delete(id));
        else for (const one of [table, map]) one.set(id, value);
        expect([table.size, table.has(id), table.get(id)]).toEqual([map.size, map.has(id), map.get(id)]);
      }
      expect(new Map(table)).toEqual(map);
      expect([...table.keys()].toSorted()).toEqual([...map.keys()].toSorted());
    }),
  );
});

test("who goes through it may take out what it is shown", () => {
  const table = new StreamTable<string>();
  for (const id of [1, 3, 5]) table.set(id, `stream ${id}`);
  const seen: number[] = [];
  table.forEach((_, id) => {
    seen.push(id);
    table.delete(id);
  });
  expect(seen).toEqual([1, 3, 5]);
  expect(table.size).toBe(0);
});

test("this Node's sessions take it, and serve streams side by side and one after the other with it", async () => {
  let replaced: boolean | undefined;
  const server = http2.createServer();
  server.prependListener("session", (session: ServerHttp2Session) => {
    replaced = replaceStreamTable(session);
  });
  server.on("stream", (stream, headers) => {
    stream.respond({ ":status": 200 });
    stream.end(headers[":path"]);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = http2.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const ask = async (path: string) => {
    const stream = client.request({ ":path": path });
    const chunks = await stream.setEncoding("utf8").toArray();
    return chunks.join("");
  };
  try {
    for (let turn = 0; turn < 3; turn++) {
      const paths = Array.from({ length: 50 }, (_, index) => `/${turn}/${index}`);
      expect(await Promise.all(paths.map(ask))).toEqual(paths);
    }
    expect(replaced).toBe(true);
  } finally {
    client.close();
    const closed = once(server, "close");
    server.close();
    await closed;
  }
});
