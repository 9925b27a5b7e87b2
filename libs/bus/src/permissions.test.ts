import { services } from "@aegis/contracts/subjects";
import { expect, test } from "vitest";
import { observableSubjects, servicePermissions } from "./permissions.ts";
import { streamOf } from "./publish.ts";

test("nobody's allow-list names a whole namespace", () => {
  for (const { publish, subscribe } of services.map(servicePermissions)) {
    for (const wide of [">", "*", "aegis.>", "$JS.>", "$JS.API.>", "$KV.>", "$O.>"]) expect(publish).not.toContain(wide);
    expect(subscribe.filter((subject) => subject.startsWith("$"))).toEqual([]);
  }
});

test("without a login events are heard, and no state, answer or call", () => {
  for (const subject of observableSubjects) expect(subject).toMatch(/^aegis\./);
});

test("each service hears only its own inbox and what core subjects it consumes", () => {
  expect(servicePermissions("authz").subscribe).toEqual([
    "_INBOX_authz.>",
    "aegis.watermark.*",
    "aegis.recall",
    "aegis.callfailed",
    "aegis.agentstreak",
    "aegis.subjecterased",
  ]);
  expect(servicePermissions("token").subscribe).toEqual(["_INBOX_token.>"]);
});

test("only the owner of an event may publish it", () => {
  const owners = (subject: string) => services.filter((service) => servicePermissions(service).publish.includes(subject));
  expect(owners("aegis.policy.*.published")).toEqual(["policy-compiler"]);
  expect(owners("aegis.decision.*.*.*")).toEqual(["authz"]);
  expect(owners("aegis.ledger.*.checkpoint")).toEqual(["audit"]);
  expect(owners("$KV.revocations.>")).toEqual(["token"]);
});

test("every event's subject belongs to one stream, and any other is refused", () => {
  expect(streamOf("aegis.decision.acme.finance-agent.allow")).toBe("DECISIONS");
  expect(streamOf("aegis.budget.acme.exhausted")).toBe("CONTROL");
  expect(() => streamOf("aegis.decisions.acme")).toThrow("no stream captures");
});
