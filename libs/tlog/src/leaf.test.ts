import fc from "fast-check";
import { expect, test } from "vitest";
import vectors from "../../../vectors/tlog/leaf.json" with { type: "json" };
import { columnsOf, encodeLeaf, type Leaf, noPrevious, parseLeaf } from "./leaf.ts";

test.each(vectors.leaves)("columns of $name", ({ leaf, columns }) => {
  expect(columnsOf(Buffer.from(leaf))).toEqual(columns);
});

test.each(vectors.malformed)("$name is no leaf", ({ leaf }) => {
  expect(parseLeaf(Buffer.from(leaf, "latin1"))).toBeUndefined();
});

const header: Omit<Leaf, "event"> = {
  tenant: "acme",
  sequence: 3,
  previous: noPrevious,
  recordedAt: "2025-01-02T03:04:05.678Z",
  kind: "control",
  subject: "aegis.policy.acme.published",
};

test("a leaf holds the event's bytes as they came, whatever their spelling", () => {
  fc.assert(
    fc.property(fc.object({ withNullPrototype: false }), fc.string({ unit: "binary" }), fc.boolean(), (value, subject, spaced) => {
      const event = Buffer.from(JSON.stringify(value, undefined, spaced ? 2 : undefined));
      const parsed = parseLeaf(encodeLeaf({ ...header, subject, event }));
      expect(parsed && Buffer.from(parsed.leaf.event)).toEqual(event);
      expect(parsed?.leaf.subject).toBe(subject);
      expect(parsed?.event).toEqual(JSON.parse(event.toString()));
    }),
  );
});

test("no other bytes read as the same leaf", () => {
  const bytes = encodeLeaf({ ...header, event: Buffer.from('{"id":"1"}') });
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
      const changed = Uint8Array.from(bytes);
      changed[at] = (changed[at] as number) ^ mask;
      const parsed = parseLeaf(changed);
      // Changed content may still be a leaf; then it must say what changed, byte for byte.
      if (parsed !== undefined) expect(Buffer.from(encodeLeaf(parsed.leaf))).toEqual(Buffer.from(changed));
    }),
    { numRuns: 1000 },
  );
});
