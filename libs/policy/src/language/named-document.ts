import { optional, type Reader, reader, record, required } from "./reader.ts";
import * as read from "./scalars.ts";

export const apiVersion = "aegis.dev/v1";
export const kinds = ["AgentPolicy", "Governance", "ToolCatalog", "PolicyTest"] as const;
export type Kind = (typeof kinds)[number];

/** Where an editor finds the schema. It means nothing to a policy. */
export const schemaReference = { $schema: optional(read.text, "Where an editor finds this schema; it means nothing to the policy.") };

const metadata = record({
  name: required(read.label, "The document's own name, unique among those of its kind."),
  tenant: optional(read.tenant, "Whose it is. Absent: the tenant's it is published for; another one is refused."),
});

/** A constant, which the compiler has looked at before: here only for the schema. */
const constant = <T extends string>(value: T): Reader<T> => reader({ type: "string", const: value }, () => value);

/** A document with a header. The compiler reads `apiVersion` and `kind` before it asks a reader. */
export const named = <T>(kind: Kind, spec: Reader<T>, about: string) =>
  record({
    ...schemaReference,
    apiVersion: required(constant(apiVersion), "The version of the language."),
    kind: required(constant(kind), about),
    metadata: required(metadata, "Which document this is."),
    spec: required(spec, "What it says."),
  });
