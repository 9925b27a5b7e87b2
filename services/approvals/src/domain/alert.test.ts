import { expect, test } from "vitest";
import { alertLines, alertTitle, isTold, recipientsOfAlert } from "./alert.ts";
import type { Channel } from "./channel.ts";

const channel = (name: string, change: Partial<Channel> = {}): Channel => ({
  ...{ tenant: "acme", name, queues: [], afterSeconds: 0 },
  target: { kind: "teams", webhook: "flow" },
  ...change,
});
const told = (...channels: Channel[]) => recipientsOfAlert(channels).map((one) => one.channel);

test("channels for every queue or for alerts are told of a pause, and those that wait are not", () => {
  const finance = channel("finance", { queues: ["finance"] });
  expect(told(channel("ops"), finance, channel("pager", { queues: ["alerts"] }), channel("boss", { afterSeconds: 600 }))).toEqual([
    "ops",
    "pager",
  ]);
  expect(told(finance, channel("boss", { afterSeconds: 600 })), "rather another queue's people than nobody").toEqual(["finance"]);
  expect(told()).toEqual([]);
});

test("the message says who is paused, why, until when, and how to let them go on", () => {
  const times = { at: "2026-11-20T20:00:00Z", until: "2026-11-20T20:00:30Z" };
  const lines = Object.fromEntries(alertLines("acme", { scope: "prompt/p%201", cause: "denied", ...times }));
  expect(lines).toEqual({
    Paused: "prompt p 1 (tenant acme)",
    Why: "nearly all of its calls were denied",
    Until: "2026-11-20T20:00:30Z at least; then one call at a time goes ahead as a probe",
    "Let it go on now": "aegis budget reset --prompt 'p 1' --tenant acme",
  });
});

test("a budget's message says whose it is, how much is used, and what that means", () => {
  const low = { scope: "tool/gpu%2Ffarm", unit: "micro_eur", window: "day", limit: 100_000_000, used: 81_500_000 };
  expect(alertTitle({ ...low, percent: 80 })).toBe("80 % of a budget of tool gpu/farm is used");
  expect(alertTitle({ ...low, scope: "tenant" })).toBe("a budget of the tenant is out");
  expect(Object.fromEntries(alertLines("acme", low))).toEqual({
    Budget: "tool gpu/farm, per day (tenant acme)",
    Used: "81.50 EUR of 100.00 EUR",
    "Until it is raised or the window ends": "calls that it does not hold are denied",
    "Look at it": "aegis budget show --tenant acme",
  });
  expect(["tenant", "org", "agent/a", "prompt/p", "session/s/agent/a"].filter((scope) => isTold({ ...low, scope }))).toEqual([
    "tenant",
    "org",
    "agent/a",
  ]);
});
