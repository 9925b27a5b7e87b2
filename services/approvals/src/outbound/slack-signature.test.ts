import { createHmac } from "node:crypto";
import { verifySlackRequest } from "@slack/bolt";
import { expect, test } from "vitest";
import { isSlackSignature } from "./slack-signature.ts";

const secret = "8f742231b10e8888abcd99yyyzzz85a5";
const now = 1_760_000_000_000;
const body = "payload=%7B%22type%22%3A%22block_actions%22%7D";
const sign = (timestamp: string, text = body, key = secret) =>
  `v0=${createHmac("sha256", key).update(`v0:${timestamp}:${text}`).digest("hex")}`;
const at = (seconds: number) => String(now / 1000 + seconds);

const ours = (request: { timestamp: string; signature: string; body: string }) => isSlackSignature(secret, request, now);
const slacks = ({ timestamp, signature, body: text }: { timestamp: string; signature: string; body: string }) => {
  try {
    const headers = { "x-slack-request-timestamp": Number(timestamp), "x-slack-signature": signature };
    verifySlackRequest({ signingSecret: secret, body: text, headers, nowMilliseconds: now });
    return true;
  } catch {
    return false;
  }
};

test.each([
  ["now", { timestamp: at(0), signature: sign(at(0)), body }, true],
  ["300 s old", { timestamp: at(-300), signature: sign(at(-300)), body }, true],
  ["300 s ahead", { timestamp: at(300), signature: sign(at(300)), body }, true],
  ["Unicode", { timestamp: at(0), signature: sign(at(0), "payload=ü🙂"), body: "payload=ü🙂" }, true],
  ["301 s old", { timestamp: at(-301), signature: sign(at(-301)), body }, false],
  ["another secret", { timestamp: at(0), signature: sign(at(0), body, "other"), body }, false],
  ["a changed body", { timestamp: at(0), signature: sign(at(0)), body: `${body} ` }, false],
  ["a changed time", { timestamp: at(1), signature: sign(at(0)), body }, false],
  ["another version", { timestamp: at(0), signature: sign(at(0)).replace("v0", "v1"), body }, false],
  ["a shortened signature", { timestamp: at(0), signature: sign(at(0)).slice(0, -1), body }, false],
  ["no hash", { timestamp: at(0), signature: "v0=", body }, false],
  ["an empty signature", { timestamp: at(0), signature: "", body }, false],
  ["no number", { timestamp: "soon", signature: sign("soon"), body }, false],
])("%s: as Slack's own verifier decides", (_, request, accepted) => {
  expect(ours(request)).toBe(accepted);
  expect(slacks(request)).toBe(accepted);
});

test("301 s ahead is refused, where Slack's verifier looks at the past only", () => {
  expect(ours({ timestamp: at(301), signature: sign(at(301)), body })).toBe(false);
});

test("headers that are missing are refused", () => {
  expect(isSlackSignature(secret, { timestamp: undefined, signature: sign(at(0)), body }, now)).toBe(false);
  expect(isSlackSignature(secret, { timestamp: at(0), signature: undefined, body }, now)).toBe(false);
});
