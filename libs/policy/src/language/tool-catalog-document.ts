import type { CatalogAction, CatalogTool } from "../ir.ts";
import { durability } from "./agent-policy-document.ts";
import { sessionLabel } from "./data-rules-document.ts";
import { amountShape, checkAmount, money } from "./money-document.ts";
import { named } from "./named-document.ts";
import { lowerParameters, parameters } from "./parameter-document.ts";
import { checkPersonal, lowerPersonal, personalMembers, personalSchema } from "./personal-document.ts";
import { checked, listOf, optional, positioned, record, required } from "./reader.ts";
import * as read from "./scalars.ts";
import type { Position } from "./source.ts";

const amount = checked(
  record({
    usd: optional(read.usd, "US dollars."),
    money: optional(money, "Instead of `usd`: another currency, as `EUR 0.25`."),
    tokens: optional(read.integer(0, 1e12), "Model tokens."),
  }),
  checkAmount,
  amountShape,
);

const action = positioned(
  checked(
    record({
      name: required(read.action, "The action, exactly."),
      risk: optional(read.oneOf("low", "medium", "high"), "How much harm a wrong call does; `high` unless said otherwise."),
      writes: optional(read.truth, "`true`: it changes something in the world."),
      parameters: optional(
        parameters,
        "The parameters that the tool really takes: a policy that names others, or allows only impossible ones, is refused.",
      ),
      labels: optional(
        listOf(sessionLabel, { atLeast: 1, what: "labels" }),
        "What a session is marked with from the moment such a call is let through.",
      ),
      cost: optional(amount, "What a call costs, when neither the caller nor the policy's rule says."),
      max_cost: optional(amount, "The most that one call can cost: what is reserved while its cost is unknown."),
      durability: optional(durability, "As in a policy; holds where the policy's rule names none."),
      ...personalMembers,
    }),
    (place, value) =>
      checkPersonal(
        place,
        value,
        value.parameters?.map(({ name }) => name),
      ),
    personalSchema,
  ),
);

const tool = positioned(
  checked(
    record({
      name: required(read.tool, "The tool, exactly."),
      network: optional(read.truth, "`true`: its calls leave for the network, so a policy that grants it should name `egress`."),
      ...personalMembers,
      actions: required(listOf(action, { what: "actions" }), "All that the tool offers."),
    }),
    (place, value) => checkPersonal(place, value),
    personalSchema,
  ),
);

/** `kind: ToolCatalog`. */
export const toolCatalogDocument = named(
  "ToolCatalog",
  record({
    tools: required(
      listOf(tool, { what: "tools" }),
      "What tools there are. A policy is held to what is said of a tool; a set without a catalog is held to none.",
    ),
  }),
  "What the tenant's tools are, whoever may use them.",
);

export type ToolCatalogDocument = NonNullable<ReturnType<typeof toolCatalogDocument>>;

export function lowerCatalog({ spec }: ToolCatalogDocument): CatalogTool[] {
  return spec.tools.map(({ at, value }) => ({
    rule: ruleAt(at),
    name: value.name,
    ...(value.network === true && { network: true as const }),
    ...lowerPersonal(value, ruleAt(at)),
    actions: value.actions.map(lowerAction),
  }));
}

function lowerAction({ at, value }: ToolCatalogDocument["spec"]["tools"][number]["value"]["actions"][number]): CatalogAction {
  return {
    rule: ruleAt(at),
    name: value.name,
    risk: value.risk ?? "high",
    ...(value.writes === true && { writes: true as const }),
    ...(value.parameters && { parameters: lowerParameters(value.parameters) }),
    ...(value.labels && { labels: [...new Set(value.labels)].sort() }),
    ...(value.cost?.usd !== undefined && { costMicroUsd: value.cost.usd }),
    ...(value.cost?.money && { costMoney: value.cost.money }),
    ...(value.max_cost?.money && { maxCostMoney: value.max_cost.money }),
    ...(value.cost?.tokens !== undefined && { costTokens: value.cost.tokens }),
    ...(value.max_cost?.usd !== undefined && { maxCostMicroUsd: value.max_cost.usd }),
    ...(value.max_cost?.tokens !== undefined && { maxCostTokens: value.max_cost.tokens }),
    ...(value.durability && { durability: value.durability }),
    ...lowerPersonal(value, ruleAt(at)),
  };
}

const ruleAt = ({ file, line }: Position): string => `${file}:${line}`;
