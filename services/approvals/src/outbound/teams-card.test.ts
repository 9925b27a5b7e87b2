import { expect, test } from "vitest";
import { z } from "zod";
import { teamsAlert, teamsMessage } from "./teams-card.ts";

/** Adaptive Cards 1.4's required fields, for what we use of it, and what a Workflows webhook takes. */
const textRun = z.strictObject({ type: z.literal("TextRun"), text: z.string().min(1), weight: z.enum(["Bolder"]).optional() });
const card = z.strictObject({
  $schema: z.literal("http://adaptivecards.io/schemas/adaptive-card.json"),
  type: z.literal("AdaptiveCard"),
  version: z.enum(["1.0", "1.1", "1.2", "1.3", "1.4", "1.5"]),
  body: z.array(z.strictObject({ type: z.literal("RichTextBlock"), inlines: z.array(textRun).min(1) })).min(1),
  actions: z
    .array(z.strictObject({ type: z.literal("Action.OpenUrl"), title: z.string().min(1), url: z.url({ protocol: /^https$/ }) }))
    .max(6)
    .optional(),
});
const message = z.strictObject({
  type: z.literal("message"),
  attachments: z
    .array(z.strictObject({ contentType: z.literal("application/vnd.microsoft.card.adaptive"), contentUrl: z.null(), content: card }))
    .length(1),
});
/** What Teams takes of a webhook. */
const maxBytes = 28 * 1024;

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

test.each(["pending", "approved", "denied", "expired", "cancelled", "redeemed"] as const)("what is %s keeps the card's rules", (state) => {
  message.parse(teamsMessage({ ...approval, state, decidedBy: ["bob@acme.test"] }, "https://console.acme.test/"));
});

test("the largest and strangest of everything keeps them, too, and fits", () => {
  const huge = "🙂 [pay](https://evil.test) \u202e\u0000漢".repeat(20_000);
  const made = teamsMessage(
    {
      ...approval,
      requester: { agent: "a".repeat(63), subject: huge },
      queue: huge,
      reasons: [{ message: huge }],
      arguments: { [huge]: huge },
    },
    undefined,
  );
  message.parse(made);
  expect(Buffer.byteLength(JSON.stringify(made))).toBeLessThan(maxBytes);
});

test("what was paused is a card, too, whatever its name", () => {
  for (const scope of ["agent/finance-agent", `prompt/${encodeURIComponent("\u202e[pay](https://evil.test)\n🙂".repeat(60))}`]) {
    const made = teamsAlert("t".repeat(63), { scope, cause: "denied", at: "2026-11-20T20:00:00Z", until: "2026-11-20T20:00:30Z" });
    message.parse(made);
    expect(JSON.stringify(made)).not.toContain("\u202e");
    expect(Buffer.byteLength(JSON.stringify(made))).toBeLessThan(maxBytes);
  }
});
