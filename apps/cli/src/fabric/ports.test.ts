import { createServer } from "node:net";
import { expect, test } from "vitest";
import { automaticPorts, fixedPorts, requireFree } from "./ports.ts";

const one = { count: 1, onePort: false };
const three = { count: 3, onePort: false };

test("processes of authz behind one port share that port and no other", async () => {
  const shared = { count: 3, onePort: true };
  for (const ports of [fixedPorts(shared), await automaticPorts(shared)]) {
    const grpc = [0, 1, 2].map((process) => ports[`authz-${process}-grpc`]);
    expect(new Set(grpc).size).toBe(1);
    const { length } = Object.values(ports);
    expect(new Set(Object.values(ports)).size).toBe(length - 2);
  }
});

test("every listener has a port of its own, fixed or chosen", async () => {
  for (const ports of [fixedPorts(three), await automaticPorts(three)]) {
    const values = Object.values(ports);
    expect(new Set(values).size).toBe(values.length);
    expect(ports["authz-2-grpc"]).toBeTypeOf("number");
  }
  expect(fixedPorts(one)["authz-0-grpc"]).toBe(9191);
});

test("ports of the last run are kept while they are free", async () => {
  const first = await automaticPorts(one);
  expect(await automaticPorts(one, first)).toEqual(first);
});

test("a taken port is replaced when ports are chosen, and named when they are fixed", async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  try {
    expect((await automaticPorts(one, { token: port })).token).not.toBe(port);
    await expect(requireFree({ token: port })).rejects.toThrow(`port ${port} (token) is taken by another program`);
  } finally {
    server.close();
  }
});
