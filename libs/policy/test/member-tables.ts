import { policySchema, type SchemaName } from "../src/language/policy-schema.ts";
import type { Schema } from "../src/language/schema.ts";

/** The reference with its tables of members as the schema has them: each stands between `<!-- members NAME PATH… -->` and `<!-- end -->`. */
export function withMemberTables(markdown: string): string {
  return markdown.replace(
    /(<!-- members (\S+)((?: \S+)*) -->\n)[\s\S]*?(<!-- end -->)/g,
    (_, begin: string, name: string, paths: string, end: string) => {
      const [from = "", ...stops] = paths.trim().split(" ");
      const rows = rowsBelow(schemaAt(policySchema(name as SchemaName), from), "", new Set(stops));
      return `${begin}| member | value | means |\n|---|---|---|\n${rows.map((row) => `| ${row.join(" | ")} |\n`).join("")}${end}`;
    },
  );
}

type Row = readonly [path: string, value: string, about: string];

/** The schema of a member, `spec.tools[]` or `.` for the document itself. */
function schemaAt(schema: Schema, path: string): Schema {
  if (path === "" || path === ".") return schema;
  return path.split(".").reduce((at, step) => {
    if (step === "<name>") return at.additionalProperties as Schema;
    const member = membersOf(at)[step.replace("[]", "")];
    if (member === undefined) throw new Error(`the schema has no ${path}`);
    return step.endsWith("[]") ? (member.items as Schema) : member;
  }, schema);
}

/** One row for each member, and then for those below it, except below `stops`: they have a table of their own. */
function rowsBelow(schema: Schema, prefix: string, stops: ReadonlySet<string>): Row[] {
  const required = new Set((schema.required as readonly string[] | undefined) ?? []);
  return Object.entries(membersOf(schema)).flatMap(([name, member]): Row[] => {
    if (name.startsWith("$")) return [];
    const path = prefix === "" ? name : `${prefix}.${name}`;
    const about = `${String(member.description)}${required.has(name) ? " Required." : ""}`;
    const row: Row = [`\`${path}\``, writtenAs(member), escaped(about)];
    return stops.has(path) ? [row] : [row, ...nested(member, path).flatMap(([below, at]) => rowsBelow(below, at, stops))];
  });
}

/** The maps that are, or stand in, a value, and how their members are reached. */
function nested(schema: Schema, path: string): [Schema, string][] {
  if (schema.items !== undefined) return nested(schema.items as Schema, `${path}[]`);
  if (typeof schema.additionalProperties === "object") return nested(schema.additionalProperties as Schema, `${path}.<name>`);
  const variants = (schema.anyOf as readonly Schema[] | undefined) ?? [];
  if (schema.properties === undefined) return variants.flatMap((variant) => nested(variant, path));
  return [[schema, path]];
}

const membersOf = (schema: Schema): Record<string, Schema> => (schema.properties ?? {}) as Record<string, Schema>;

/** In a person's words, what may be written. */
function writtenAs(schema: Schema): string {
  const values = schema.enum as readonly string[] | undefined;
  if (schema.const !== undefined) return `\`${String(schema.const)}\``;
  if (values !== undefined) return values.length > 12 ? "one of a closed list" : values.map((value) => `\`${value}\``).join(" ");
  if (schema.type === "array") return `list of ${writtenAs(schema.items as Schema)}`;
  if (Array.isArray(schema.type)) return "text, number, truth value or null";
  if (schema.type === "object") return typeof schema.additionalProperties === "object" ? "map by name" : "map";
  if (schema.type === "integer" || schema.type === "number") return numberOf(schema);
  if (schema.type === "boolean") return "`true` `false`";
  const variants = schema.anyOf as readonly Schema[] | undefined;
  if (schema.type === undefined && variants !== undefined) return [...new Set(variants.map(writtenAs))].join(" or ");
  return "text";
}

function numberOf({ type, minimum, maximum }: Schema): string {
  const kind = type === "integer" ? "whole number" : "number";
  if (minimum === undefined) return kind;
  return typeof maximum === "number" && maximum < 100_000
    ? `${kind}, ${String(minimum)} to ${String(maximum)}`
    : `${kind} from ${String(minimum)}`;
}

const escaped = (text: string): string => text.replaceAll("|", "\\|");
