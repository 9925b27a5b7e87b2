import { literal } from "./text-class.ts";

const fixed: readonly (readonly [name: string, pattern: string])[] = [
  ["UUIDs", "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"],
  ["UUIDs", "^[0-9A-F]{8}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{12}$"],
  ["dates", "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"],
  ["instants", "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}:[0-9]{2})$"],
  ["IPv4 addresses", "^[0-9]{1,3}(\\.[0-9]{1,3}){3}$"],
];

const mailbox = "[A-Za-z0-9._%+-]+";
const hostName = "[A-Za-z0-9-]+(\\.[A-Za-z0-9-]+)+";
const afterHost = "([/?#][!-~]*)?";

/** A known kind of text: its name and its pattern. */
export interface TextFormat {
  readonly name: string;
  readonly pattern: string;
}

/** UUIDs, dates and the like. */
export function fixedFormat(texts: readonly string[]): TextFormat | undefined {
  const found = fixed.find(([, pattern]) => matchesAll(texts, pattern));
  return found && { name: found[0], pattern: found[1] };
}

/** E-mail addresses or URLs; `hosts` closed: only at the hosts that were seen. */
export function addressFormat(texts: readonly string[], hosts: "closed" | "open"): TextFormat | undefined {
  return mailFormat(texts, hosts) ?? urlFormat(texts, hosts);
}

function mailFormat(texts: readonly string[], hosts: "closed" | "open"): TextFormat | undefined {
  if (!matchesAll(texts, `^${mailbox}@${hostName}$`)) return undefined;
  const seen = new Set(texts.map((text) => text.slice(text.indexOf("@") + 1)));
  if (hosts === "open") return { name: "e-mail addresses", pattern: `^${mailbox}@${hostName}$` };
  const listed = alternatives(seen, texts.length);
  return listed === undefined ? undefined : { name: `e-mail addresses at ${seen.size} hosts`, pattern: `^${mailbox}@${listed}$` };
}

function urlFormat(texts: readonly string[], hosts: "closed" | "open"): TextFormat | undefined {
  if (!matchesAll(texts, `^https?://${hostName}(:[0-9]+)?${afterHost}$`)) return undefined;
  const schemes = texts.every((text) => text.startsWith("https:")) ? "https" : "https?";
  if (hosts === "open") return { name: "URLs", pattern: `^${schemes}://${hostName}(:[0-9]+)?${afterHost}$` };
  const seen = new Set(texts.map((text) => /^https?:\/\/([^/?#]+)/.exec(text)?.[1] ?? ""));
  const listed = alternatives(seen, texts.length);
  return listed === undefined ? undefined : { name: `URLs at ${seen.size} hosts`, pattern: `^${schemes}://${listed}${afterHost}$` };
}

const mostHosts = 12;

function alternatives(hosts: ReadonlySet<string>, count: number): string | undefined {
  if (hosts.size > mostHosts || count < 8 * hosts.size) return undefined;
  const all = [...hosts].sort().map(literal);
  return all.length === 1 ? all[0] : `(${all.join("|")})`;
}

function matchesAll(texts: readonly string[], pattern: string): boolean {
  const expression = new RegExp(pattern);
  return texts.length > 0 && texts.every((text) => expression.test(text));
}
