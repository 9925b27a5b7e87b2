import { dataOf, destinationOf, type ExportRecord, fieldsOf, reasonCodesOf, reasonsText, textOf, textsOf } from "./record.ts";
import { type Severity, severityOf } from "./severity.ts";

const severities: Readonly<Record<Severity, number>> = { informational: 1, low: 3, medium: 5, high: 8, critical: 10 };

/** The longest a field may be by ArcSight's dictionary. */
const limits = { header: 512, text: 1_023, custom: 4_000 } as const;

/** ArcSight Common Event Format, version 0 (implementation standard 25): one line, nothing an agent wrote can end a field early. */
export function cefLine(record: ExportRecord): string {
  const data = dataOf(record);
  const name = record.tool === null ? record.type : `${record.tool}:${record.action} ${record.decision ?? ""}`.trim();
  const signature = reasonCodesOf(data)[0] ?? textOf(data.reason) ?? record.decision ?? record.type;
  const header = ["CEF:0", "Aegis", "Aegis", "1", signature, name].map((field, at) => (at === 0 ? field : headerField(field)));
  return `${header.join("|")}|${severities[severityOf(record)]}|${extension(record)}`;
}

function extension(record: ExportRecord): string {
  const data = dataOf(record);
  const principal = fieldsOf(data.principal);
  const context = fieldsOf(data.context);
  const destination = destinationOf(data);
  const subject = textOf(principal.subject) ?? textOf(data.by) ?? textOf(data.author);
  const fields: readonly (readonly [string, string | undefined, number])[] = [
    ["rt", String(record.occurredMs), limits.text],
    ["externalId", record.id, limits.text],
    ["cat", record.kind, limits.text],
    ["act", record.decision ?? textOf(data.outcome) ?? record.type.split(".")[3], limits.text],
    ["outcome", record.decision ?? textOf(data.outcome), limits.text],
    ["reason", reasonsText(data) ?? textOf(data.reason), limits.text],
    ["suser", subject, limits.text],
    ["sourceServiceName", record.agent ?? undefined, limits.text],
    ["destinationServiceName", record.tool ?? undefined, limits.text],
    ["dhost", destination?.url.hostname, limits.text],
    ["request", destination?.text, limits.text],
    ["requestMethod", destination?.method, limits.text],
    ["deviceExternalId", record.tenant, limits.text],
    ...custom(1, "policyVersion", record.policyVersion ?? undefined),
    ...custom(2, "actionDigest", textOf(data.actionDigest)),
    ...custom(3, "promptId", textOf(context.promptId)),
    ...custom(4, "sessionId", textOf(context.sessionId)),
    ...custom(5, "delegationChain", textOf(textsOf(principal.chain).join(" < "))),
    ...custom(6, "arguments", data.arguments === undefined ? undefined : JSON.stringify(data.arguments)),
    ["cn1", String(record.sequence), limits.text],
    ["cn1Label", "ledgerSequence", limits.text],
    ["fileHash", record.leafHash, limits.text],
  ];
  return fields.flatMap(([key, value, limit]) => (value === undefined ? [] : `${key}=${extensionValue(value, limit)}`)).join(" ");
}

const custom = (number: number, label: string, value: string | undefined): readonly (readonly [string, string | undefined, number])[] => [
  [`cs${number}`, value, limits.custom],
  [`cs${number}Label`, value && label, limits.text],
];

/** In the header a pipe and a backslash are escaped; a line break cannot be, so it becomes a space, as any control character does. */
const headerField = (text: string): string =>
  cut(text, limits.header)
    .replace(/\p{Cc}/gu, " ")
    .replace(/[\\|]/g, "\\$&");

/** In the extension it is the equals sign, and a line break is written as `\n`. */
const extensionValue = (text: string, limit: number): string =>
  cut(text, limit)
    .replace(/[\\=]/g, "\\$&")
    .replace(/\r\n|[\r\n]/g, "\\n")
    .replace(/\p{Cc}/gu, " ");

/** At most so many characters, without half of a surrogate pair at the end. */
const cut = (text: string, limit: number): string =>
  text
    .slice(0, limit)
    .replace(/[\ud800-\udbff]$/, "")
    .toWellFormed();
