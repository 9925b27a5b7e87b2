import { expect, test } from "vitest";
import { type RetentionRule, Retirements, type SignedTime } from "./retirement.ts";

const day = 86_400_000;
const rule: RetentionRule = { days: 100, now: 1_000 * day };
const at = (days: number) => new Date(days * day).toISOString();
/** Ten entries were there on day 850, twenty on day 950. */
const signed: readonly SignedTime[] = [
  { size: 10, time: at(850) },
  { size: 20, time: at(950) },
];

function ledger(...gone: number[]): Retirements {
  const made = new Retirements();
  for (const sequence of gone) made.gone(sequence);
  return made;
}
const hear = (of: Retirements, sequence: number, verb: string, data: object, tenant = "acme") =>
  of.heard("acme", sequence, `aegis.ledger.${tenant}.${verb}`, { type: `dev.aegis.ledger.${verb}.v1`, data });
const faults = (of: Retirements) => [...of.faults(signed, rule)].map(({ sequence, detail }) => `${sequence} ${detail}`);

test("what was signed long enough ago and is on record may be gone", () => {
  const acme = ledger(0, 1, 2, 5);
  hear(acme, 21, "retired", { first: 0, last: 5, entries: 4 });
  expect([acme.count, faults(acme)]).toEqual([4, []]);
});

test("what the signer saw too lately may not, from the first such entry on", () => {
  const acme = ledger(8, 9, 10, 11);
  hear(acme, 21, "retired", { first: 0, last: 19 });
  expect(faults(acme)).toEqual(["10 gone, and signed less than 100 days ago"]);
  expect([...acme.faults([], rule)]).toHaveLength(1);
});

test("what no retirement covers may not, and one that another tenant's or no ledger's subject tells of covers nothing", () => {
  const acme = ledger(0, 1, 2, 3);
  hear(acme, 21, "retired", { first: 0, last: 1 });
  hear(acme, 22, "retired", { first: 2, last: 3 }, "globex");
  acme.heard("acme", 23, "aegis.identity.acme.registered", { type: "dev.aegis.ledger.retired.v1", data: { first: 0, last: 9 } });
  expect(faults(acme)).toEqual(["2 gone, and the ledger records no retirement of it"]);
});

test("what a hold of everything covered may not; a released hold and one of an agent alone say nothing", () => {
  const acme = ledger(0, 1);
  hear(acme, 20, "held", { hold: "h1", by: "lawyer", reason: "case" });
  hear(acme, 21, "retired", { first: 0, last: 1 });
  expect(faults(acme)).toEqual(["0 gone, although it was held"]);
  const released = ledger(0, 1);
  hear(released, 18, "held", { hold: "h1", by: "lawyer", reason: "case" });
  hear(released, 19, "released", { hold: "h1", by: "lawyer", reason: "closed" });
  hear(released, 20, "held", { hold: "h2", by: "lawyer", reason: "case", agent: "finance-agent" });
  hear(released, 21, "retired", { first: 0, last: 1 });
  expect(faults(released)).toEqual([]);
});

test("an own record that says nothing usable covers nothing", () => {
  const acme = ledger(0);
  for (const data of [null, 7, {}, { first: "x", last: null }]) hear(acme, 21, "retired", data as object);
  expect(faults(acme)).toEqual(["0 gone, and the ledger records no retirement of it"]);
});
