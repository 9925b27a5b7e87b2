import { agentPolicyDocument } from "./agent-policy-document.ts";
import { bareAgentDocument } from "./bare-agent-document.ts";
import { bareGovernanceDocument, bareGovernanceKeys, governanceDocument } from "./governance-document.ts";
import { apiVersion, kinds } from "./named-document.ts";
import { policyTestDocument } from "./policy-test-document.ts";
import type { Schema } from "./schema.ts";
import { toolCatalogDocument } from "./tool-catalog-document.ts";

/** The documents that have a schema of their own: every kind, and the two that name none. */
export const schemaNames = [...kinds, "agent", "governance"] as const;
export type SchemaName = (typeof schemaNames)[number];

const draft = "http://json-schema.org/draft-07/schema#";

const definitions: Readonly<Record<SchemaName, Schema>> = {
  // Of whose tenant it is, the schema says nothing.
  AgentPolicy: { title: "AgentPolicy", ...agentPolicyDocument("tenant").schema },
  Governance: { title: "Governance", ...governanceDocument.schema },
  ToolCatalog: { title: "ToolCatalog", ...toolCatalogDocument.schema },
  PolicyTest: { title: "PolicyTest", ...policyTestDocument.schema },
  agent: { title: "A bare agent policy", ...bareAgentDocument.schema },
  governance: {
    title: "A bare governance",
    ...bareGovernanceDocument.schema,
    anyOf: bareGovernanceKeys.map((name) => ({ required: [name] })),
  },
};

/** The JSON Schema of one form of document, or, without a name, of any document that the compiler reads. */
export function policySchema(name?: SchemaName): Schema {
  return name === undefined ? anyDocument : { $schema: draft, ...definitions[name] };
}

const refer = (name: SchemaName): Schema => ({ $ref: `#/definitions/${name}` });
const has = (...names: readonly string[]): Schema => ({ anyOf: names.map((name) => ({ required: [name] })) });

/** Decided by the same keys as the compiler does, so that an editor tells what is wrong with the document that was meant. */
const anyDocument: Schema = {
  $schema: draft,
  title: "Aegis policy document",
  description: "One document of a tenant's policies: with a header that names its kind, or in one of the two bare forms.",
  type: "object",
  // Offered where nothing is written yet; what else they ask for is below.
  properties: {
    apiVersion: { description: "The version of the language.", const: apiVersion },
    kind: { description: "Which kind of document it is; the two bare forms name none.", enum: [...kinds] },
  },
  ...kinds.reduceRight<Schema>(
    (otherwise, kind) => ({
      if: { properties: { kind: { const: kind } }, required: ["kind"] },
      // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
      then: refer(kind),
      else: otherwise,
    }),
    {
      if: has("kind", "apiVersion"),
      // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
      then: { required: ["apiVersion", "kind", "metadata", "spec"] },
      else: {
        if: has("agent", "allowed_tools"),
        // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
        then: refer("agent"),
        // Both, so that an editor offers the keys of both where nothing is written yet.
        else: { anyOf: [refer("governance"), refer("agent")] },
      },
    },
  ),
  definitions,
};
