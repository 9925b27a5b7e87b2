import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv } from "ajv";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { faultVectors } from "../../test/vectors.ts";
import { compile } from "./compile.ts";
import type { FaultCode } from "./fault.ts";
import { policySchema, schemaNames } from "./policy-schema.ts";

const root = join(import.meta.dirname, "../../../..");
const ajv = new Ajv({
  allErrors: false,
  strict: true,
  strictTypes: false,
  strictRequired: false,
  formats: { date: true, "date-time": true },
});
const accepts = ajv.compile(policySchema());

/** What a schema can say of a document: which members it has, and of which form their values are. */
const structural = new Set<FaultCode>([
  "unknown_document",
  "unknown_kind",
  "unsupported_version",
  "unknown_key",
  "missing_key",
  "missing_value",
  "wrong_type",
  "not_whole",
  "out_of_range",
  "empty_list",
  "limit_without_unit",
  "unknown_value",
  "invalid_name",
  "invalid_wildcard",
  "invalid_label",
  "invalid_rate",
  "invalid_percentage",
  "invalid_method",
]);

/** Codes that the schema's ranges of text cannot tell: a duration of 31 days is written like one of 30. */
const beyondSchema = (code: FaultCode, message: string) => code === "out_of_range" && message.includes("expires");

const examples: unknown[] = ["README.md", "docs/reference/policy.md"].flatMap((file) =>
  [...readFileSync(join(root, file), "utf8").matchAll(/^```yaml\n([\s\S]*?)^```/gm)].flatMap((match) =>
    parseAllDocuments(match[1] ?? "", { version: "1.2" }).map((document) => document.toJS() as unknown),
  ),
);

function faultsOf(document: unknown) {
  const result = compile([{ name: "d.json", text: JSON.stringify(document) }], { tenant: "acme" });
  return result.ok ? [] : result.faults;
}

type Step = {
  readonly where: number;
  readonly how: "drop" | "rename" | "replace" | "add" | "repeat";
  readonly value: unknown;
  readonly name: string;
};

const leaf = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    0,
    -1,
    1.5,
    7,
    "",
    "x",
    "a:b",
    "80%",
    "60/m",
    "*",
    "x*",
    "GET",
    "T0",
    "deny",
    "approval_needed",
    [],
    {},
    ["a"],
    [{}],
    { a: 1 },
  ),
  fc.constantFrom<unknown>(
    "daily",
    "prompt",
    "allow",
    "30m",
    "/a/*",
    "2027-01-31",
    "AgentPolicy",
    "aegis.dev/v1",
    1e9,
    1e10,
    "shadow",
    "secret",
  ),
);
const names = [
  "name",
  "kind",
  "usd",
  "rate",
  "budget",
  "soft",
  "at_soft",
  "actions",
  "tokens",
  "tool",
  "tools",
  "optional",
  "min",
  "in",
  "$schema",
  "max_x",
  "x_in",
  "url",
];
const step: fc.Arbitrary<Step> = fc.record({
  where: fc.nat(),
  how: fc.constantFrom("drop", "rename", "replace", "add", "repeat"),
  value: leaf,
  name: fc.oneof(fc.constantFrom(...names), fc.string({ maxLength: 3 })),
});

/** A document with a few changes, each at some place of it. */
function changed(document: unknown, steps: readonly Step[]): unknown {
  const copy = structuredClone(document) as object;
  for (const { where, how, value, name } of steps) {
    const places: { holder: Record<string, unknown>; key: string }[] = [];
    const visit = (node: unknown): void => {
      if (typeof node !== "object" || node === null) return;
      for (const key of Object.keys(node)) {
        places.push({ holder: node as Record<string, unknown>, key });
        visit((node as Record<string, unknown>)[key]);
      }
    };
    visit(copy);
    const place = places[where % Math.max(1, places.length)];
    if (place === undefined) continue;
    const { holder, key } = place;
    if (how === "replace") holder[key] = structuredClone(value);
    else if (Array.isArray(holder)) {
      if (how === "drop") holder.splice(Number(key), 1);
      else holder.push(structuredClone(how === "repeat" ? holder[Number(key)] : value));
    } else if (how === "drop") delete holder[key];
    else if (how === "add") holder[name] = structuredClone(value);
    else if (how === "rename") {
      holder[name] = holder[key];
      if (name !== key) delete holder[key];
    }
  }
  return copy;
}

describe("the JSON Schema", () => {
  test("of each form is itself valid, and accepts what is shown of it", () => {
    for (const name of schemaNames) expect(ajv.validateSchema(policySchema(name))).toBe(true);
    expect(examples.length).toBeGreaterThan(4);
    for (const example of examples) expect({ example, ok: accepts(example), errors: accepts.errors }).toMatchObject({ ok: true });
  });

  test("refuses documents whose form is broken", () => {
    const broken = faultVectors()
      .filter(({ name }) => name === "documents.yaml")
      .flatMap(({ cases }) => cases)
      .flatMap(({ files }) => files)
      .flatMap(({ text }) => parseAllDocuments(text, { version: "1.2", uniqueKeys: false, logLevel: "silent" }))
      .filter((document) => document.errors.length === 0 && document.contents !== null)
      .map((document) => document.toJS() as unknown)
      .filter((document) => faultsOf(document).some(({ code, message }) => structural.has(code) && !beyondSchema(code, message)));
    expect(broken.length).toBeGreaterThan(8);
    for (const document of broken) expect({ document, ok: accepts(document) }).toMatchObject({ ok: false });
  });

  test("accepts a document exactly when the compiler finds nothing wrong with its form", () => {
    fc.assert(
      fc.property(fc.constantFrom(...examples), fc.array(step, { minLength: 1, maxLength: 4 }), (example, steps) => {
        const document = changed(example, steps);
        const ok = accepts(document);
        const faults = faultsOf(document);
        if (faults.length === 0) expect({ document, ok, errors: accepts.errors }).toMatchObject({ ok: true });
        const ofForm = faults.filter(({ code, message }) => structural.has(code) && !beyondSchema(code, message));
        if (ok) expect({ document, ofForm }).toMatchObject({ ofForm: [] });
      }),
      { numRuns: 700 },
    );
  });

  test("is what docs/reference/policy.schema.json holds", async () => {
    await expect(`${JSON.stringify(policySchema(), null, 2)}\n`).toMatchFileSnapshot(join(root, "docs/reference/policy.schema.json"));
  });
});
