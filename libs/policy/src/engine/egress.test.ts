import fc from "fast-check";
import { expect, test } from "vitest";
import { parseDestination } from "./egress.ts";

const label = fc.oneof(
  fc.stringMatching(/^[a-z0-9_-]{1,6}$/),
  fc.constantFrom(
    "xn--",
    "xn--80ak6aa92e",
    "xn--a",
    "0x7f",
    "1",
    "017",
    "a",
    "-",
    "_",
    "0",
    "",
    "x".repeat(70),
    "a--b",
    "aa--b",
    "255",
    "com",
    "e1",
    "0x",
  ),
);
const host = fc.array(label, { minLength: 1, maxLength: 5 }).map((labels) => labels.join("."));
const port = fc.constantFrom("", ":1", ":443", ":8080", ":65535", ":65536", ":99999", ":0", ":080");
const url = fc.tuple(fc.constantFrom("https", "HTTP", "wss"), host, port, fc.constantFrom("", "/", "/a?b#c", "/%2e@x:1"));

test("whatever host is read, the WHATWG reading is the same, and what it refuses is not read", () => {
  fc.assert(
    fc.property(url, ([scheme, name, at, path]) => {
      const whole = `${scheme}://${name}${at}${path}`;
      const read = parseDestination(whole);
      const reference = URL.parse(whole);
      if (read === undefined) return reference === null || reference.hostname !== name || !/^(?::[1-9]\d*)?$/.test(at);
      const defaultPort = scheme === "https" || scheme === "wss" ? ":443" : ":80";
      return reference?.hostname === name && read.host === `${name}${at === defaultPort ? "" : at}`;
    }),
    { numRuns: 20_000 },
  );
});

test("a port beyond 65535 is no port", () => {
  expect(parseDestination("https://api.example.com:65535/")).toEqual({ host: "api.example.com:65535", path: "/" });
  expect(parseDestination("https://api.example.com:65536/")).toBeUndefined();
});
