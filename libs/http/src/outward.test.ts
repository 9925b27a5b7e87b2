import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { isInternal, poster } from "./outward.ts";

test.each([
  "127.0.0.1",
  "10.1.2.3",
  "172.31.255.255",
  "192.168.0.1",
  "169.254.169.254",
  "100.64.0.1",
  "0.0.0.0",
  "224.0.0.1",
  "255.255.255.255",
  "::",
  "::1",
  "::ffff:127.0.0.1",
  "::ffff:8.8.8.8",
  "64:ff9b::a00:1",
  "fe80::1",
  "fd00::1",
  "ff02::1",
  "2002:7f00:1::",
  "2001:db8::1",
])("%s is internal", (address) => expect(isInternal(address)).toBe(true));

test.each(["8.8.8.8", "172.32.0.1", "1.1.1.1", "2606:4700::1111", "2a00:1450::1"])("%s is public", (address) =>
  expect(isInternal(address)).toBe(false),
);

const outside = poster({ allowInternal: false });
const post = (url: string) => outside({ url, headers: {}, body: "" });

test.each([
  "http://example.com/",
  "https://user:pass@example.com/",
  "https://127.0.0.1/",
  "https://2130706433/",
  "https://0x7f.1/",
  "https://[::1]/",
  "https://[::ffff:7f00:1]/",
  "https://localhost/",
])("%s is not posted to", async (url) => {
  await expect(post(url)).rejects.toThrow(/not https|login|internal/);
});

test("a host that is allowed by name may be internal, and no other", async () => {
  const named = poster({ allowInternal: new Set(["siem.internal", "localhost"]) });
  await expect(named({ url: "https://127.0.0.1/", headers: {}, body: "" })).rejects.toThrow(/internal/);
  await expect(named({ url: "http://localhost:1/", headers: {}, body: "" })).rejects.toThrow(/ECONNREFUSED/);
});

test("an answer without end is cut", async () => {
  let sent = 0;
  const server = createServer((_, response) => {
    response.on("error", () => undefined);
    const more = () => {
      while (!response.destroyed && sent < 64 * 1024 * 1024) {
        sent += 65_536;
        if (!response.write("x".repeat(65_536))) return void response.once("drain", more);
      }
    };
    more();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  expect(await poster({ allowInternal: true })({ url: `http://127.0.0.1:${port}/`, headers: {}, body: "" })).toMatchObject({ status: 200 });
  expect(sent).toBeLessThan(64 * 1024 * 1024);
  server.closeAllConnections();
  server.close();
});
