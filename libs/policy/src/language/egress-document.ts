import type { EgressRule } from "../ir.ts";
import { eitherOf, fault, listOf, optional, positioned, type Reader, reader, record, required } from "./reader.ts";
import { brief, textOf } from "./scalars.ts";
import type { Position } from "./source.ts";

export type EgressDocument = { readonly at: Position; readonly value: Omit<EgressRule, "rule"> };

const label = "[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?";
const name = new RegExp(`^(?:\\*\\.)?${label}(?:\\.${label})*(?::[1-9]\\d{0,4})?$`);
const methodPattern = /^[A-Z]{1,20}$/;

const method: Reader<string> = textOf({ pattern: methodPattern.source }, (value, place) =>
  methodPattern.test(value) ? value : fault(place, "invalid_method", `"${brief(value)}" is no method`, methodHint(value)),
);

const methodHint = (written: string): string =>
  methodPattern.test(written.toUpperCase()) ? `did you mean "${written.toUpperCase()}"?` : "write it in capitals: GET";

/** A host as a URL spells it, so that an entry can only be matched by exactly that spelling. */
const host: Reader<string> = textOf({ pattern: `${name.source}|^\\[[0-9a-f:.]+\\](?::[1-9]\\d{0,4})?$` }, (value, place) => {
  const invalid = (why: string, hint: string) => fault(place, "invalid_host", `"${value.slice(0, 80)}" ${why}`, hint);
  const tooWide = (why: string, hint: string) => fault(place, "host_too_wide", `"${value.slice(0, 80)}" ${why}`, hint);
  if (value.includes("://")) return invalid("is a URL", urlHint(value));
  const suffix = value.replace(/^\*\./, "");
  const wildcard = suffix !== value;
  const canonical = URL.canParse(`https://${suffix}`) ? new URL(`https://${suffix}`) : undefined;
  const spelled = canonical?.hostname + (/:\d+$/.exec(suffix)?.[0] ?? "");
  const address = canonical !== undefined && /^(?:\[|[\d.]+$)/.test(canonical.hostname);
  if (value === "*") return tooWide("covers every host", "list the hosts");
  if (!name.test(value) && !(address && suffix.startsWith("["))) {
    const small = value.toLowerCase();
    const hint = name.test(small) ? `did you mean "${small}"?` : 'write "api.example.com", "*.example.com" or "host:8443"';
    return invalid("is no host", hint);
  }
  if (canonical === undefined)
    return invalid("is no host that a URL can name", "write an address of four numbers up to 255, a port up to 65535");
  if (spelled !== suffix) return invalid("is not spelled as URLs spell it", `write "${spelled}"`);
  if (wildcard && address) return tooWide("is a wildcard over an address", "list the addresses");
  if (wildcard && !suffix.includes(".")) return tooWide("covers a whole top-level domain", "name at least two labels");
  return value;
});

const urlHint = (written: string): string =>
  URL.canParse(written) && new URL(written).host !== ""
    ? `did you mean "${new URL(written).host}"?`
    : "write the host alone, or {host, path, methods}";

/** A path of literal segments, `*` (one segment), a last `**` (any number), and `{tenant}`: as an RE2 anchored at both ends. */
const pathOf = (tenant: string): Reader<string> =>
  textOf({ pattern: "^/", maxLength: 1000 }, (value, place) => {
    const invalid = (why: string) => fault(place, "invalid_path", `${place.path} ${why}`, 'write "/a/*/b", "/a/{tenant}/**"');
    if (!value.startsWith("/") || value.length > 1000) return invalid("is no absolute path");
    const segments = value.slice(1).split("/");
    let expression = "^";
    for (const [index, segment] of segments.entries()) {
      if (segment === "**") {
        if (index !== segments.length - 1) return invalid("has ** before its end");
        expression += "(?:/[^/]+)*/?";
      } else if (segment === "*") expression += "/[^/]+";
      else if (segment === "{tenant}") expression += `/${tenant}`;
      else if (/^\.{1,2}$/.test(segment) || !/^[A-Za-z0-9._~!$&'()+,=:@-]*$/.test(segment))
        return invalid(`has the segment "${segment.slice(0, 64)}"`);
      else expression += `/${segment.replace(/[.$()+]/g, "\\$&")}`;
    }
    return `${expression}$`;
  });

const hostAlone: Reader<EgressDocument["value"]> = reader(host.schema, (place) => {
  const value = host(place);
  return value === undefined ? undefined : { host: value };
});

/** `egress.allow`: hosts, or hosts with a path and methods. */
export const egressAllow = (tenant: string): Reader<readonly EgressDocument[]> => {
  const entry = record({
    host: required(host, "The host, with `:port` when it is not the scheme's default; `*.` stands for one or more labels before."),
    path: optional(pathOf(tenant), "`*` is one segment, a last `**` any number of them, `{tenant}` the token's tenant. Absent: any path."),
    methods: optional(listOf(method, { atLeast: 1, what: "methods" }), "HTTP methods in capitals. Absent: any."),
  });
  return listOf(positioned<EgressDocument["value"]>(eitherOf(hostAlone, entry)));
};
