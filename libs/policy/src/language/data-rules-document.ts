import { digestOf } from "@aegis/canonical/digest";
import { detectorNames } from "@aegis/dlp/detect";
import type { DlpRule, ResultRules, SessionRule } from "../ir.ts";
import { fault, keyed, listOf, optional, positioned, type Reader, record, required } from "./reader.ts";
import { brief, oneOf, pointerPattern, textOf } from "./scalars.ts";
import type { Position } from "./source.ts";

/** Rules over data: what is looked for in what goes in and comes out, and what may follow what in a session. */

const ownDetector = /^[a-z][a-z0-9_]{0,62}$/;

/** A detector's name: a built-in one, or one of the tenant's own, which any document of the set may define. */
export const detectorName: Reader<string> = textOf(
  { anyOf: [{ enum: [...detectorNames] }, { pattern: ownDetector.source }] },
  (value, place) =>
    ownDetector.test(value)
      ? value
      : fault(place, "invalid_name", `"${brief(value)}" is no detector's name`, `must match ${ownDetector.source}`),
);

const dlpMembers = (inWhat: string) => ({
  detect: required(
    listOf(positioned(detectorName), { atLeast: 1, what: "detectors" }),
    "What to look for: built-in detectors, and the tenant's own.",
  ),
  in: optional(
    listOf(pointerPattern, { atLeast: 1, what: "JSON pointers" }),
    `JSON pointers into the ${inWhat}; \`*\` stands for any member or index, and everything below counts. Absent: everywhere.`,
  ),
  action: required(
    oneOf("redact", "mask", "hash", "deny"),
    "`redact` replaces what is found, `mask` leaves its last characters, `hash` puts a stable pseudonym, `deny` refuses the call.",
  ),
});

/** Entries of `dlp`: over the arguments of a call. */
export const dlpRules = listOf(positioned(record(dlpMembers("arguments"))), { what: "rules" });

type DlpDocuments = NonNullable<ReturnType<typeof dlpRules>>;

const labelPattern = /^[A-Za-z0-9][A-Za-z0-9_./-]{0,127}$/;

/** What a session may be marked with: a name without a colon, so that it is never taken for a call. */
export const sessionLabel: Reader<string> = textOf({ pattern: labelPattern.source }, (value, place) =>
  labelPattern.test(value) ? value : fault(place, "invalid_label", `"${brief(value)}" is no label`, `must match ${labelPattern.source}`),
);

/** `results`: over what tools answer. */
export const results = keyed(
  record({
    dlp: optional(
      listOf(positioned(record(dlpMembers("result"))), { what: "rules" }),
      "What is looked for in results, as `dlp` does in arguments.",
    ),
    labels: optional(
      listOf(sessionLabel, { atLeast: 1, what: "labels" }),
      "What a session is marked with from the moment such a call is let through.",
    ),
  }),
);

type ResultsDocument = NonNullable<ReturnType<typeof results>>;

const toolPart = "[A-Za-z0-9](?:[A-Za-z0-9_./-]|%3A){0,127}";
const actionPart = "[A-Za-z0-9][A-Za-z0-9_./:-]{0,127}";
const callPattern = new RegExp(`^(?:(?:${toolPart})?\\*|${toolPart}):(?:(?:${actionPart})?\\*|${actionPart})$`);

/** `tool:action`; either side may end in `*`. */
const call: Reader<string> = textOf({ pattern: callPattern.source }, (value, place) =>
  callPattern.test(value)
    ? value
    : fault(place, "invalid_label", `"${brief(value)}" is no call`, 'write "tool:action", "tool:*"; a colon inside a tool\'s name is %3A'),
);

const after: Reader<string> = textOf({ anyOf: [{ pattern: labelPattern.source }, { pattern: callPattern.source }] }, (value, place) =>
  labelPattern.test(value) || callPattern.test(value)
    ? value
    : fault(place, "invalid_label", `"${brief(value)}" is neither a label nor a call`, 'write a label, or a call as "tool:action"'),
);

/** Entries of `session`: what may no longer follow what. */
export const sessionRules = listOf(
  positioned(
    record({
      after: required(
        after,
        "A label that the session carries, or a call `tool:action` that was let through in it; either side may end in `*`.",
      ),
      deny: required(
        listOf(call, { atLeast: 1, what: "calls" }),
        "The calls refused from then on, `tool:action`; either side may end in `*`.",
      ),
      unless: optional(oneOf("approval"), "`approval`: a person may let the call through."),
    }),
  ),
  { what: "rules" },
);

const ruleAt = ({ file, line }: Position): string => `${file}:${line}`;

export function lowerDlp(rules: DlpDocuments | undefined): DlpRule[] {
  return (rules ?? []).map(({ at, value }) => ({
    rule: ruleAt(at),
    detect: [...new Set(value.detect.map((each) => each.value))],
    ...(value.in && { in: [...value.in] }),
    action: value.action,
  }));
}

export function lowerResults({ at, value }: ResultsDocument): ResultRules {
  return { rule: ruleAt(at), dlp: lowerDlp(value.dlp), labels: [...new Set(value.labels)].sort() };
}

export function lowerSession(rules: NonNullable<ReturnType<typeof sessionRules>>, policy: string): SessionRule[] {
  return rules.map(({ at, value }) => {
    const meaning = { after: value.after, deny: [...value.deny], ...(value.unless && { unless: value.unless }) };
    return { rule: ruleAt(at), digest: digestOf({ policy, session: meaning }), ...meaning };
  });
}

/** A detector that a rule asks for, and where. */
export interface DetectorUse {
  readonly at: Position;
  readonly name: string;
}

/** Also of rules that were read with faults, whose members may be missing. */
export const detectorsIn = (rules: DlpDocuments | undefined): DetectorUse[] =>
  (rules ?? []).flatMap(({ value }) => (value.detect ?? []).map(({ at, value: name }) => ({ at, name })));
