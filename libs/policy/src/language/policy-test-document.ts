import { decisions, reasonCodes } from "@aegis/contracts/reasons";
import { jsonObject } from "./json-document.ts";
import { money } from "./money-document.ts";
import { named } from "./named-document.ts";
import type { PolicyTest, PolicyTestCase, TestCall, TestExpectation } from "./policy-test.ts";
import { eitherOf, fault, listOf, optional, positioned, type Reader, reader, record, required } from "./reader.ts";
import * as read from "./scalars.ts";
import type { Position } from "./source.ts";

const url = read.textOf({ minLength: 1, maxLength: 8192 }, (value, place) =>
  value.length > 0 && value.length <= 8192
    ? value
    : fault(place, "invalid_length", `${place.path} has ${value.length} characters`, "write a URL"),
);

const urlAlone: Reader<NonNullable<TestCall["destination"]>> = reader(url.schema, (place) => {
  const value = url(place);
  return value === undefined ? undefined : { url: value };
});

const destination: Reader<NonNullable<TestCall["destination"]>> = eitherOf(
  urlAlone,
  record({ url: required(url, "The whole URL."), method: optional(read.shortText, "The HTTP method.") }),
);

const call = record({
  agent: required(read.agent, "Who calls."),
  tool: required(read.tool, "The tool."),
  action: required(read.action, "The action."),
  arguments: optional(jsonObject, "The arguments; none when absent."),
  destination: optional(destination, "Where the call goes: a URL, or `{ url, method }`."),
  context: optional(
    record({
      purpose: optional(read.shortText, "What the call is for."),
      prompt_id: optional(read.shortText, "Which prompt it belongs to."),
      session_id: optional(read.shortText, "Which session it belongs to."),
    }),
    "What the caller says of the call.",
  ),
  session: optional(
    record({
      labels: optional(listOf(read.shortText, { what: "labels" }), "Labels that the session carries."),
      calls: optional(listOf(read.shortText, { what: "calls" }), "Calls that were let through in it, `tool:action`."),
    }),
    "What was seen in the session so far.",
  ),
  chain: optional(
    listOf(read.agent, { atLeast: 1, what: "agents", repeats: true }),
    "The actors of the delegation, newest first; the first is `agent`. Absent: the agent alone.",
  ),
  subject: optional(read.shortText, "On whose behalf; the last of the chain when absent."),
  scope: optional(listOf(read.shortText, { what: "scope items" }), "What the token covers, `tool:action` or `tool:*`. Absent: every call."),
  drift: optional(read.truth, "`true`: the agent is not what was approved."),
  estimate: optional(
    record({
      usd: optional(read.usd, "US dollars."),
      money: optional(money, "Instead of `usd`: another currency, as `EUR 5`."),
      tokens: optional(read.integer(0, 1e15), "Model tokens."),
    }),
    "What the caller says that the call costs.",
  ),
  now: optional(read.instant, "The time of the call, as `2027-01-31T12:00:00Z`. Absent: when the test runs."),
});

const code = read.oneOf(...reasonCodes);
const codeAlone: Reader<NonNullable<TestExpectation["reasons"]>[number]> = reader(code.schema, (place) => {
  const value = code(place);
  return value === undefined ? undefined : { code: value };
});

const pointerAlone: Reader<NonNullable<TestExpectation["redactions"]>[number]> = reader(read.pointerPattern.schema, (place) => {
  const value = read.pointerPattern(place);
  return value === undefined ? undefined : { pointer: value };
});

const expectation = record({
  decision: required(read.oneOf(...decisions), "What the policies must say."),
  reasons: optional(
    listOf(
      eitherOf(
        codeAlone,
        record({ code: required(code, "The reason's code."), pointer: optional(read.text, "JSON pointer to the argument at fault.") }),
      ),
      { what: "reasons" },
    ),
    "All the reasons, in source order: codes, or `{ code, pointer }`. Absent: any.",
  ),
  redactions: optional(
    listOf(
      eitherOf(
        pointerAlone,
        record({
          pointer: required(read.pointerPattern, "JSON pointer to what is taken out."),
          action: optional(read.oneOf("redact", "mask", "hash"), "How."),
        }),
      ),
      { what: "pointers" },
    ),
    "All that is taken out of the arguments: JSON pointers, or `{ pointer, action }`. Absent: anything.",
  ),
  obligations: optional(listOf(read.label, { what: "obligations" }), "All that the caller must do. Absent: anything."),
  queue: optional(read.label, "The queue that is asked."),
  shadow: optional(read.oneOf(...decisions), "What everything in shadow together would have said."),
});

const testCase = positioned(
  record({
    name: required(read.shortText, "What the case shows, in a sentence."),
    call: required(call, "The call."),
    expect: required(expectation, "What must come out. Only what is written is compared."),
  }),
);

/** `kind: PolicyTest`. */
export const policyTestDocument = named(
  "PolicyTest",
  record({ cases: required(listOf(testCase, { atLeast: 1, what: "cases" }), "Calls, and what the policies must say of them.") }),
  "Tests of the policies of the set. They decide nothing and are no part of what is enforced.",
);

export type PolicyTestDocument = NonNullable<ReturnType<typeof policyTestDocument>>;

export function testOf({ metadata, spec }: PolicyTestDocument, at: Position): PolicyTest {
  return { name: metadata.name, rule: ruleAt(at), cases: spec.cases.map(caseOf) };
}

function caseOf({ at, value }: PolicyTestDocument["spec"]["cases"][number]): PolicyTestCase {
  return { name: value.name, rule: ruleAt(at), call: callOf(value.call), expect: { ...value.expect } };
}

function callOf(written: PolicyTestDocument["spec"]["cases"][number]["value"]["call"]): TestCall {
  const { context = {}, session, chain, estimate } = written;
  return {
    agent: written.agent,
    tool: written.tool,
    action: written.action,
    arguments: written.arguments ?? {},
    ...(written.destination && { destination: written.destination }),
    context: {
      ...(context.purpose !== undefined && { purpose: context.purpose }),
      ...(context.prompt_id !== undefined && { promptId: context.prompt_id }),
      ...(context.session_id !== undefined && { sessionId: context.session_id }),
    },
    ...(session && { session: { labels: [...(session.labels ?? [])].sort(), calls: [...(session.calls ?? [])].sort() } }),
    chain: chain ?? [written.agent],
    ...(written.subject !== undefined && { subject: written.subject }),
    ...(written.scope && { scope: written.scope }),
    ...(written.drift !== undefined && { drift: written.drift }),
    ...(estimate && {
      estimate: { microUsd: estimate.usd ?? 0, tokens: estimate.tokens ?? 0, ...(estimate.money && { money: estimate.money }) },
    }),
    ...(written.now !== undefined && { now: written.now }),
  };
}

const ruleAt = ({ file, line }: Position): string => `${file}:${line}`;
