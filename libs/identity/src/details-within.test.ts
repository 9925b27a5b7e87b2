import fc from "fast-check";
import { expect, test } from "vitest";
import { attenuate, type ChildRegistration, type DelegationLimits, isNarrowing } from "./attenuate.ts";
import { readDetails } from "./authorization-details.ts";
import { type AgentClaims, agentClaims } from "./claims.ts";
import { refuseDetailed } from "./details-permit.ts";
import { outsideParent } from "./details-within.ts";

/** `AEGIS_DETAILS=20` is a long form: as many times the cases. */
const times = Number(process.env.AEGIS_DETAILS ?? 1);

type Bounds = Readonly<Record<string, unknown>>;
interface Detail {
  readonly type: "aegis_tool_call";
  readonly identifier: string;
  readonly actions?: readonly string[];
  readonly parameters?: Readonly<Record<string, Bounds>>;
  readonly additional_parameters?: "allow" | "deny";
  readonly [member: string]: unknown;
}

// Few names and numbers, so that generated details and calls often meet, and mostly at a bound.
const numbers = [0, 1, 1.5, 2, 3, 4.5, 5];
const number = fc.constantFrom(...numbers);
const words = ["", "a", "ab", "abc", "USD", "EUR"];
const values = [...numbers, ...words, true, false, null, "1"];
const range = (type: object) =>
  fc
    .record({
      low: fc.option(fc.tuple(fc.constantFrom("min", "exclusive_min"), number)),
      high: fc.option(fc.tuple(fc.constantFrom("max", "exclusive_max"), number)),
    })
    .map(({ low, high }): Bounds => ({ ...type, ...(low && { [low[0]]: low[1] }), ...(high && { [high[0]]: high[1] }) }));
const length = fc.nat({ max: 3 });
const bounds: fc.Arbitrary<Bounds> = fc
  .tuple(
    fc.oneof(
      fc.constant<Bounds>({}),
      fc.constantFrom<Bounds>(...["string", "number", "integer", "boolean", "array", "object"].map((type) => ({ type }))),
      range({}),
      range({ type: "number" }),
      range({ type: "integer" }),
      fc.record({ min_length: length, max_length: length }, { requiredKeys: [] }),
      fc.uniqueArray(fc.constantFrom(...values), { minLength: 1, maxLength: 4 }).map((some) => ({ enum: some })),
    ),
    fc.boolean(),
  )
  .map(([bound, optional]) => ({ ...bound, ...(optional && { optional }) }));
const parameters = fc.dictionary(fc.constantFrom("x", "y"), bounds, { noNullPrototype: true });
const detail: fc.Arbitrary<Detail> = fc
  .record(
    {
      identifier: fc.constantFrom("pay", "mail"),
      actions: fc.uniqueArray(fc.constantFrom("send", "read"), { minLength: 1 }),
      parameters,
      additional_parameters: fc.constantFrom("allow" as const, "deny" as const),
    },
    { requiredKeys: ["identifier"] },
  )
  .map(({ additional_parameters, ...rest }) => ({
    type: "aegis_tool_call" as const,
    ...rest,
    ...(rest.parameters && additional_parameters && { additional_parameters }),
  }));
const details = fc.array(detail, { minLength: 1, maxLength: 3 }).filter((some) => readDetails(some).ok);

const args = fc.dictionary(fc.constantFrom("x", "y", "z"), fc.constantFrom<unknown>(...values, [], {}, -1, 2.5, 6, "abcd"), {
  maxKeys: 3,
  noNullPrototype: true,
});
const call = fc.record({ tool: fc.constantFrom("pay", "mail"), action: fc.constantFrom("send", "read"), arguments: args });
const callsOf = (some: readonly Detail[]) => {
  const read = readDetails(some);
  if (!read.ok) throw new Error(read.why);
  return read.calls;
};
const isWithin = (child: readonly Detail[], parent: readonly Detail[]) => outsideParent(callsOf(parent), callsOf(child)).length === 0;
const permits = (some: readonly Detail[], asked: object) =>
  refuseDetailed({ authorization_details: [...some] }, asked as never) === undefined;

test("whatever lies within a parent's details permits no call that those do not", () => {
  const met = { within: 0, beyond: 0, permitted: 0 };
  fc.assert(
    fc.property(details, details, fc.array(call, { minLength: 8, maxLength: 8 }), (parent, child, calls) => {
      const within = isWithin(child, parent);
      met[within ? "within" : "beyond"] += 1;
      if (!within) return;
      for (const asked of calls) {
        if (!permits(child, asked)) continue;
        met.permitted += 1;
        expect(permits(parent, asked), `${JSON.stringify(asked)} by ${JSON.stringify(child)} below ${JSON.stringify(parent)}`).toBe(true);
      }
    }),
    { numRuns: times * 12_000 },
  );
  // The test would prove nothing if hardly any were accepted.
  expect(met.within).toBeGreaterThan(300);
  expect(met.beyond).toBeGreaterThan(300);
  expect(met.permitted).toBeGreaterThan(300);
}, 600_000);

const now = 1_700_000_000;
const limits: DelegationLimits = { now, maxDepth: 3, maxTtlSeconds: 300, tokenId: "child-token-1", instance: "i-2" };
const registration: ChildRegistration = { tenant: "acme", agent: "b-agent", scope: ["mail:*", "pay:*"], mayAct: ["a-agent"] };
const parentWith = (authorization_details: readonly Detail[]): AgentClaims =>
  agentClaims.parse({
    ...{ iss: "https://token.test", aud: "aegis", iat: now, exp: now + 300, jti: "parent-token-1", org: "acme", tenant: "acme" },
    ...{ client_id: "a-agent", sub: "a-agent", depth: 0, instance: "i-1", scope: "mail:* pay:*", authorization_details },
  });

/** One step down from one bound; undefined where there is none of this kind. */
const narrowed = (bound: Bounds, step: number): Bounds => {
  const { optional: _, ...held } = bound;
  if (step === 0) return held;
  if (Array.isArray(bound.enum)) return { ...bound, enum: [bound.enum[step % bound.enum.length]] };
  if (bound.type === "number" && Object.keys(held).length === 1) return { ...bound, type: "integer" };
  if (typeof bound.max === "number" && bound.min === undefined && bound.exclusive_min === undefined)
    return { ...bound, max: bound.max - step / 2 };
  if (typeof bound.exclusive_max === "number") {
    const { exclusive_max: top, min, exclusive_min, ...rest } = bound;
    const value = (top as number) - step;
    const above = (min === undefined || value >= (min as number)) && (exclusive_min === undefined || value > (exclusive_min as number));
    return above && Number.isInteger(value) ? { ...rest, enum: [value] } : bound;
  }
  if (typeof bound.max_length === "number" && (bound.min_length ?? 0) !== bound.max_length)
    return { ...bound, max_length: bound.max_length - 1 };
  return bound;
};

const narrowings: Record<string, (one: Detail, n: number) => Detail> = {
  "by nothing": (one) => one,
  "to one action": (one, n) => ({ ...one, actions: [(one.actions ?? ["send", "read"])[n % (one.actions?.length ?? 2)]!] }),
  "by bounds": (one, n) =>
    one.parameters === undefined
      ? { ...one, parameters: { x: { max: n } }, additional_parameters: n % 2 ? "allow" : "deny" }
      : { ...one, parameters: Object.fromEntries(Object.entries(one.parameters).map(([name, bound]) => [name, narrowed(bound, n)])) },
  "by a parameter more, where any is allowed": (one, n) =>
    one.parameters === undefined || one.additional_parameters === "allow"
      ? { ...one, parameters: { ...one.parameters, w: { min: n } }, additional_parameters: n % 2 ? "allow" : "deny" }
      : one,
  "by no other parameters": (one) =>
    one.additional_parameters === "allow" && Object.keys(one.parameters ?? {}).length > 0 ? { ...one, additional_parameters: "deny" } : one,
};

test.each(Object.entries(narrowings))(
  "details that are narrowed %s are granted",
  (_, narrow) => {
    fc.assert(
      fc.property(details, fc.nat({ max: 3 }), fc.nat(), (parent, step, pick) => {
        const child = [narrow(parent[pick % parent.length]!, step)];
        fc.pre(readDetails(child).ok);
        const result = attenuate(parentWith(parent), { details: child }, registration, limits);
        if (!result.ok) throw new Error(`${result.why}: ${JSON.stringify(child)} below ${JSON.stringify(parent)}`);
        expect(result.claims.authorization_details).toEqual(child);
        expect(isNarrowing(parentWith(parent), agentClaims.parse(result.claims))).toBe(true);
      }),
      { numRuns: times * 1_500 },
    );
  },
  600_000,
);

/** One step up, and a call that shows that it is one. */
type Widening = (one: Detail, n: number) => Detail | undefined;
const withBound = (one: Detail, widen: (bound: Bounds) => Bounds | undefined): Detail | undefined => {
  for (const [name, bound] of Object.entries(one.parameters ?? {})) {
    const wider = widen(bound);
    if (wider !== undefined) return { ...one, parameters: { ...one.parameters, [name]: wider } };
  }
  return undefined;
};
const widenings: Record<string, Widening> = {
  "by an action": (one, n) => one.actions && { ...one, actions: [...one.actions, ["refund", "Send", "sen", "send/x"][n % 4]!] },
  "to every action": ({ actions, ...one }) => actions && one,
  "to another tool": (one, n) => ({ ...one, identifier: ["ledger", "pay2", "PAY", "pa"][n % 4]! }),
  "to any arguments": ({ parameters: held, additional_parameters: _, ...one }) =>
    held && Object.keys(held).some((name) => held[name]?.optional !== true || Object.keys(held[name] ?? {}).length > 1) ? one : undefined,
  "by a parameter": (one) =>
    one.parameters && one.additional_parameters !== "allow"
      ? { ...one, parameters: { ...one.parameters, w: { optional: true } } }
      : undefined,
  "by every other parameter": (one) =>
    one.parameters && one.additional_parameters !== "allow" ? { ...one, additional_parameters: "allow" } : undefined,
  "by leaving out what must be there": (one) => withBound(one, (bound) => (bound.optional ? undefined : { ...bound, optional: true })),
  "by a bound less": (one) => {
    const { parameters: held = {} } = one;
    const name = Object.keys(held).find((each) => held[each]?.optional !== true);
    if (name === undefined) return undefined;
    const { [name]: _, ...rest } = held;
    return { ...one, parameters: rest, additional_parameters: "allow" };
  },
  "by a higher maximum": (one, n) =>
    withBound(one, (bound) => (typeof bound.max === "number" ? { ...bound, max: bound.max + 1 + n } : undefined)),
  "by the maximum itself": (one) =>
    withBound(one, ({ exclusive_max: max, ...bound }) =>
      typeof max === "number" && (bound.type !== "integer" || Number.isInteger(max)) ? { ...bound, max } : undefined,
    ),
  "by a lower minimum": (one, n) =>
    withBound(one, (bound) => (typeof bound.min === "number" ? { ...bound, min: bound.min - 1 - n } : undefined)),
  "by the minimum itself": (one) =>
    withBound(one, ({ exclusive_min: min, ...bound }) =>
      typeof min === "number" && (bound.type !== "integer" || Number.isInteger(min)) ? { ...bound, min } : undefined,
    ),
  "to every number": (one) => withBound(one, (bound) => (bound.type === "integer" ? { ...bound, type: "number" } : undefined)),
  "by an allowed value": (one, n) =>
    withBound(one, (bound) => (Array.isArray(bound.enum) ? { ...bound, enum: [...bound.enum, ["usd", 7, "", "1 "][n % 4]] } : undefined)),
  "by a longer text": (one) =>
    withBound(one, (bound) => (typeof bound.max_length === "number" ? { ...bound, max_length: bound.max_length + 1 } : undefined)),
  "by a shorter text": (one) =>
    withBound(one, (bound) =>
      typeof bound.min_length === "number" && bound.min_length > 0 ? { ...bound, min_length: bound.min_length - 1 } : undefined,
    ),
  "by a type": (one) => withBound(one, (bound) => (bound.type === undefined || Object.keys(bound).length > 1 ? undefined : {})),
};

test.each(Object.entries(widenings))(
  "details that are widened %s are refused",
  (_, widen) => {
    let tried = 0;
    fc.assert(
      fc.property(detail, fc.nat({ max: 3 }), fc.boolean(), (one, n, beside) => {
        const wider = readDetails([one]).ok ? widen(one, n) : undefined;
        if (wider === undefined || !readDetails([wider]).ok) return;
        // Adding a value that was allowed already widens nothing.
        if (JSON.stringify(wider) === JSON.stringify(one) || isRepeated(wider)) return;
        tried += 1;
        const child = beside ? [one, wider] : [wider];
        const scope = ["ledger:*", "mail:*", "pay2:*", "PAY:*", "pa:*", "pay:*"];
        const parent = { ...parentWith([one]), scope: scope.join(" ") };
        const result = attenuate(parent, { details: child }, { ...registration, scope }, limits);
        expect(result, `${JSON.stringify(child)} below ${JSON.stringify(one)}`).toMatchObject({
          ok: false,
          error: "invalid_authorization_details",
        });
      }),
      { numRuns: times * 2_500 },
    );
    expect(tried).toBeGreaterThan(40);
  },
  600_000,
);

const isRepeated = ({ parameters: held = {} }: Detail): boolean =>
  Object.values(held).some((bound) => Array.isArray(bound.enum) && new Set(bound.enum).size < bound.enum.length);

test("without details of its own a child has its parent's, and a parent's that are not understood are good for nobody", () => {
  const own: Detail[] = [{ type: "aegis_tool_call", identifier: "pay", parameters: { amount: { max: 500 } } }];
  expect(attenuate(parentWith(own), {}, registration, limits)).toMatchObject({ ok: true, claims: { authorization_details: own } });
  const child = attenuate(parentWith(own), {}, registration, limits);
  if (!child.ok) throw new Error(child.why);
  expect(isNarrowing(parentWith(own), child.claims)).toBe(true);
  expect(isNarrowing(parentWith(own), { ...child.claims, authorization_details: undefined }), "dropped").toBe(false);
  const unknown = { ...parentWith(own), authorization_details: [{ type: "newer" }] };
  for (const details of [undefined, own]) {
    expect(attenuate(unknown, { details }, registration, limits)).toMatchObject({ ok: false, error: "invalid_request" });
  }
  expect(isNarrowing(unknown, child.claims)).toBe(false);
});
