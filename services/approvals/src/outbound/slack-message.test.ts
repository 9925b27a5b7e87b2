import { expect, test } from "vitest";
import { z } from "zod";
import { slackAlert, slackMessage } from "./slack-message.ts";

/** Block Kit's published limits and required fields, for what we use of it. */
const text = (max: number) => z.strictObject({ type: z.literal("plain_text"), text: z.string().min(1).max(max), emoji: z.boolean() });
const button = z.strictObject({
  type: z.literal("button"),
  text: text(75),
  action_id: z.string().min(1).max(255),
  value: z.string().max(2_000),
  style: z.enum(["primary", "danger"]),
});
const block = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("header"), text: text(150) }),
  z
    .strictObject({ type: z.literal("section"), text: text(3_000).optional(), fields: z.array(text(2_000)).min(1).max(10).optional() })
    .refine((section) => section.text !== undefined || section.fields !== undefined),
  z.strictObject({ type: z.literal("actions"), block_id: z.string().max(255), elements: z.array(button).min(1).max(25) }),
  z.strictObject({ type: z.literal("context"), elements: z.array(text(2_000)).min(1).max(10) }),
]);
const message = z.strictObject({ text: z.string().min(1).max(4_000), blocks: z.array(block).min(1).max(50) });

const approval = {
  id: "019a0000-0000-7000-8000-000000000001",
  state: "pending" as const,
  decidedBy: [],
  tenant: "acme",
  requester: { agent: "finance-agent", subject: "user:u-42" },
  tool: "stripe-payments",
  action: "create_payment",
  arguments: { amount: 50_000 },
  reasons: [{ message: "amount is above 5000" }],
  queue: "finance",
  quorum: 2,
};
const nonce = "n".repeat(22);

test.each(["pending", "approved", "denied", "expired", "cancelled", "redeemed"] as const)("what is %s keeps Block Kit's rules", (state) => {
  message.parse(slackMessage({ ...approval, state, decidedBy: ["bob@acme.test"] }, nonce));
});

test("what is unusual is told above the buttons, and nothing when nothing is", () => {
  const comparison = [
    { pointer: "/amount", says: "above all of 9 earlier (6,000 to 12,000)", unusual: true },
    { pointer: "/memo", says: "the same in 9 of 9 earlier", unusual: false },
  ];
  const shown = message.parse(slackMessage({ ...approval, comparison }, nonce));
  expect(JSON.stringify(shown)).toContain("/amount: above all of 9 earlier");
  expect(JSON.stringify(shown)).not.toContain("the same in");
  expect(JSON.stringify(slackMessage({ ...approval, comparison: comparison.slice(1) }, nonce))).not.toContain("Unusual");
  message.parse(slackMessage({ ...approval, comparison: [{ ...comparison[0]!, pointer: `/${"x".repeat(9_000)}` }] }, nonce));
});

test("the largest and strangest of everything keeps them, too", () => {
  const huge = "<!channel> *x* \u202e\u0000🙂".repeat(20_000);
  message.parse(
    slackMessage(
      {
        ...approval,
        tenant: "t".repeat(63),
        requester: { agent: "a".repeat(63), subject: huge },
        tool: "t".repeat(128),
        action: "a".repeat(128),
        queue: huge,
        reasons: [{ message: huge }, null, "x", { message: 7 }],
        arguments: { [huge]: huge },
      },
      nonce,
    ),
  );
  message.parse(slackMessage({ ...approval, state: "denied", decidedBy: Array.from({ length: 1_000 }, () => huge.slice(0, 300)) }, nonce));
  message.parse(slackMessage({ ...approval, reasons: [], arguments: {} }, nonce));
});

test("buttons carry the opaque id and nonce only while people can decide", () => {
  const actions = slackMessage(approval, nonce).blocks.flatMap((one) => (one.type === "actions" ? one.elements : []));
  expect(actions.map((one) => [one.action_id, one.value])).toEqual([
    ["aegis_approve", `${approval.id}.${nonce}`],
    ["aegis_deny", `${approval.id}.${nonce}`],
  ]);
  expect(JSON.stringify(slackMessage({ ...approval, state: "expired" }, nonce))).not.toContain("button");
});

test("what came from outside is never markup, and nothing is hidden in it", () => {
  const shown = JSON.stringify(slackMessage({ ...approval, queue: "a\u202eb\u2066", arguments: { a: "\u200b<@U1>" } }, nonce));
  expect(shown).not.toMatch(/[\u202e\u2066\u200b]/);
  expect(shown).not.toContain("mrkdwn");
});

test("what expired is not shown as anybody's no", () => {
  expect(slackMessage({ ...approval, state: "expired" }, nonce).text).toMatch(/expired: nobody decided in time/);
});

test("what was paused keeps Block Kit's rules, whatever its name", () => {
  for (const scope of ["agent/finance-agent", `prompt/${encodeURIComponent("<!channel> \u202e*x*\n🙂".repeat(60))}`]) {
    const made = slackAlert("t".repeat(63), { scope, cause: "fan_out", at: "2026-11-20T20:00:00Z", until: "2026-11-20T20:00:30Z" });
    message.parse(made);
    expect(JSON.stringify(made)).not.toMatch(/\u202e|mrkdwn/);
    expect(made.text).not.toContain("<!");
  }
});
