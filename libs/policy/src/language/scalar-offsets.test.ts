import fc from "fast-check";
import { expect, test } from "vitest";
import { isMap, isScalar, parseDocument, type Scalar } from "yaml";
import { offsetsIn } from "./scalar-offsets.ts";

/** The scalar under `when`, in a document that holds it. */
function scalarIn(text: string): Scalar & { value: string } {
  const { contents } = parseDocument(text, { version: "1.2" });
  const node = isMap(contents) ? contents.get("when", true) : undefined;
  if (!isScalar(node) || typeof node.value !== "string") throw new Error(`no text in ${JSON.stringify(text)}`);
  return node as Scalar & { value: string };
}

/** Where each written character of `a.x == "b"` must be found again, however the text is written. */
const forms: Record<string, string> = {
  plain: "a: 1\nwhen: args.x > 1 && args.y\nb: 2\n",
  "plain, folded": "when: args.x > 1\n   && args.y\n",
  "single quotes": "when: 'args.x == ''a'' && args.y'\n",
  "double quotes": 'when: "args.x == \\"a\\" && \\u0061rgs.y \\\n  || args.z"\n',
  "a literal block": "when: |\n  args.x > 1 ||\n    args.y\n\n  && args.z\nb: 2\n",
  "a literal block with a header": "when: |2- # why\n  args.x > 1 ||\n    args.y\n",
  "a folded block": "when: >-\n  args.x > 1 ||\n  args.y\n\n  && args.z\n",
  "a folded block with more indented lines": "when: >\n  args.x\n    > 1\n  || args.y\n",
  CRLF: "when: |\r\n  args.x > 1 ||\r\n  args.y\r\n",
  "inside a flow map": "{ a: 1, when: 'args.x', b: 2 }",
};

test.each(Object.entries(forms))("finds every character of %s where it was written", (_, text) => {
  const scalar = scalarIn(text);
  const offsets = offsetsIn(text, scalar, scalar.value);
  expect(offsets).toHaveLength(scalar.value.length + 1);
  for (const [index, character] of [...scalar.value].entries()) {
    const at = offsets[index]!;
    if (/\s/.test(character)) continue;
    // An escape stands where its backslash does.
    expect(text[at] === "\\" ? character : text[at]).toBe(character);
  }
  expect([...offsets].sort((a, b) => a - b)).toEqual(offsets);
});

test("never leaves the scalar, whatever it holds", () => {
  const text = fc
    .oneof(fc.string(), fc.string({ unit: "binary" }))
    .filter((each) => each.isWellFormed() && !/[\p{Cc}\ufeff]/u.test(each.replaceAll("\n", "")));
  fc.assert(
    fc.property(text, fc.constantFrom("QUOTE_DOUBLE", "QUOTE_SINGLE", "BLOCK_LITERAL", "BLOCK_FOLDED", "PLAIN"), (value, type) => {
      const document = parseDocument("when: x\n");
      const node = scalarIn("when: x\n");
      node.value = value;
      node.type = type as "PLAIN";
      document.set("when", node);
      const written = document.toString();
      const scalar = scalarIn(written);
      const offsets = offsetsIn(written, scalar, scalar.value);
      expect(offsets).toHaveLength(scalar.value.length + 1);
      for (const at of offsets) expect(at >= scalar.range![0] && at <= scalar.range![1]).toBe(true);
      for (const [index, character] of [...scalar.value].entries()) {
        if (character.length > 1 || /\s/.test(character) || index > scalar.value.search(/[\ud800-\udfff]|$/)) break;
        const at = offsets[index]!;
        expect(written[at] === "\\" ? character : written[at]).toBe(character);
      }
    }),
    { numRuns: 500 },
  );
});
