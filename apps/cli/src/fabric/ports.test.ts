import { createServer } from "node:net";
import { expect, test } from "vitest";
import { automaticPorts, fixedPorts, requireFree } from "./ports.ts";

test("every listener has a port of its own, fixed or chosen", async () => {
  for (const ports of [fixedPorts(3), await automaticPorts(3)]) {
    const values = Object.values(ports);
    expect(new Set(values).size).toBe(values.length);
    expect(ports["authz-2-grpc"]).toBeTypeOf("number");
  }
  expect(fixedPorts(1)["authz-0-grpc"]).toBe(9191);
});

test("ports of the last run are kept while they are free", async () => {
  const first = await automaticPorts(1);
  expect(await automaticPorts(1, first)).toEqual(first);
});

test("a taken port is replaced when ports are chosen, and named when they are fixed", async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  try {
    expect((await automaticPorts(1, { token: port })).token).not.toBe(port);
    await expect(requireFree({ token: port })).rejects.toThrow(`port ${port} (token) is taken by another program`);
  } finally {
    server.close();
  }
});
