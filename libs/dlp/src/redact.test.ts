import { readFileSync } from "node:fs";
import type { JsonValue } from "@aegis/canonical/ijson";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type DetectorName, detectorNames, scan, scanText } from "./detect.ts";
import { type RedactionAction, redact, redactText } from "./redact.ts";

const hashKey = new Uint8Array(32).fill(7);
const vectors = JSON.parse(readFileSync(new URL("../../../vectors/dlp/redact.json", import.meta.url), "utf8")) as {
  cases: { name: string; value: JsonValue; detect: DetectorName[]; action: RedactionAction; result: JsonValue; redactions: unknown[] }[];
};
const redactAll = (value: JsonValue, names: readonly DetectorName[], action: RedactionAction, key = hashKey) =>
  redact(
    value,
    scan(value, names).map((finding) => ({ finding, action })),
    { hashKey: key },
  );

test.each(vectors.cases)("$name", ({ value, detect, action, result, redactions }) => {
  const before = JSON.stringify(value);
  const redacted = redactAll(value, detect, action);
  expect(JSON.stringify(redacted.value)).toBe(JSON.stringify(result));
  expect(redacted.redactions).toEqual(redactions);
  expect(JSON.stringify(value)).toBe(before);
});

test("a pseudonym is the same for one value however it is spelled, and another for another value, detector or tenant", () => {
  const hashed = (text: string, detector: DetectorName, key = hashKey) => redactAll(text, [detector], "hash", key).value;
  expect(hashed("4111-1111-1111-1111", "credit_card")).toMatch(/^\[HASH:credit_card:[0-9a-f]{16}\]$/);
  expect(hashed("4111-1111-1111-1111", "credit_card")).toBe(hashed("\uff14111 1111 1111\u200b 1111", "credit_card"));
  expect(hashed("Alice@Acme.test", "email")).toBe(hashed("alice@acme.test", "email"));
  expect(hashed("alice@acme.test", "email")).not.toBe(hashed("alicia@acme.test", "email"));
  expect(hashed("alice@acme.test", "email")).not.toBe(hashed("alice@acme.test", "email", new Uint8Array(32).fill(8)));
});

test("overlapping findings are replaced once, by the action that shows least", () => {
  const finding = (detector: DetectorName, start: number, end: number) => ({ pointer: "/a", detector, start, end, inKey: false });
  const { value, redactions } = redact(
    { a: "0123456789" },
    [
      { finding: finding("phone", 2, 6), action: "mask" },
      { finding: finding("secret", 4, 8), action: "redact" },
    ],
    { hashKey },
  );
  expect(JSON.stringify(value)).toBe('{"a":"01[REDACTED:secret]89"}');
  expect(redactions).toEqual([{ pointer: "/a", detector: "secret", count: 1 }]);
});

test("nothing that was found is left, in values or in names, and nothing else changes", () => {
  const personal = fc.constantFrom("alice@acme.test", "4111111111111111", "123-45-6789", "DE89370400440532013000", "password=hunter2!x");
  const text = fc
    .tuple(fc.string({ unit: "grapheme", maxLength: 8 }), personal, fc.string({ unit: "grapheme", maxLength: 8 }))
    .map((parts) => parts.join(" "));
  const { tree } = fc.letrec<{ tree: JsonValue }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      text,
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie("tree"), { maxLength: 4 }),
      fc.dictionary(text, tie("tree"), { maxKeys: 4 }),
    ),
  }));
  fc.assert(
    fc.property(tree, (value) => {
      const { value: redacted } = redactAll(value, ["email", "credit_card", "us_ssn", "iban", "secret"], "redact");
      expect(scan(redacted, ["email", "credit_card", "us_ssn", "iban", "secret"])).toEqual([]);
      expect(shape(redacted)).toEqual(shape(value));
    }),
  );
});

test("free text is cleaned of everything", () => {
  expect(redactText("pay alice@acme.test from 4111 1111 1111 1111")).toBe("pay [REDACTED:email] from [REDACTED:credit_card]");
  expect(redactText("nothing here")).toBe("nothing here");
  expect(scanText(redactText("born 1984-02-29, call +44 20 7946 0958"), detectorNames)).toEqual([]);
});

function shape(value: JsonValue): unknown {
  if (typeof value === "string") return "string";
  if (Array.isArray(value)) return value.map(shape);
  return typeof value === "object" && value !== null ? Object.values(value).map(shape) : value;
}
