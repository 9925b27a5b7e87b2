import { isScalar } from "yaml";
import type { Expression } from "../cel/expression.ts";
import { parseExpression } from "../cel/parse.ts";
import { maxPatternsSize, patternSize } from "./checks/pattern-shape.ts";
import { fault, type Reader, reader, scalar, wrongType } from "./reader.ts";
import { offsetsIn } from "./scalar-offsets.ts";
import { usd } from "./scalars.ts";

const wanted = {
  condition: 'a CEL condition, in quotes where YAML reads something else: "true"',
  cost: "a number of US dollars, or a CEL expression that computes one",
};

/** A CEL expression. Its faults stand where they are in the file, however YAML quotes or folds the text. */
const expression = (want: "condition" | "cost"): Reader<Expression> =>
  reader({ type: "string", minLength: 1 }, (place) => {
    const value = scalar(place)?.value;
    if (typeof value !== "string") return wrongType(place, wanted[want]);
    const { patterns } = place.source;
    for (const [, , quoted = ""] of value.matchAll(/matches\(\s*r?(["'])(.*?)\1/gs)) patterns.size += patternSize(quoted);
    if (patterns.size > maxPatternsSize) {
      return fault(place, "pattern_too_costly", `${place.path}: the file's expressions together are too large`, "split the file");
    }
    const parsed = parseExpression(value, want);
    if (parsed.ok) return parsed.expression;
    const { source, node } = place;
    const offsets = isScalar(node) ? offsetsIn(source.text, node, value) : [];
    for (const { offset, message, hint } of parsed.faults) {
      const at = offsets[Math.min(offset, value.length)];
      source.report(at === undefined ? place.position : source.positionAt(at), "invalid_expression", `${place.path}: ${message}`, hint);
    }
    return undefined;
  });

/** A condition over `args`, `dest`, `agent`, `context`, `session` and `now`. */
export const condition = expression("condition");

const computed = expression("cost");

/** A constant number of US dollars, in micro-units, or an expression that computes it from the call. */
export const cost: Reader<number | Expression> = reader({ anyOf: [usd.schema, computed.schema] }, (place) =>
  typeof scalar(place)?.value === "number" ? usd(place) : computed(place),
);
