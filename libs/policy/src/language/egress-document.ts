import { isScalar } from "yaml";
import type { EgressRule } from "../ir.ts";
import { fault, listOf, optional, type Place, positioned, type Reader, record, required } from "./reader.ts";
import { text } from "./scalars.ts";
import type { Position } from "./source.ts";

export type EgressDocument = { readonly at: Position; readonly value: Omit<EgressRule, "rule"> };

const label = "[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?";
const name = new RegExp(`^(?:\\*\\.)?${label}(?:\\.${label})*(?::[1-9]\\d{0,4})?$`);

const method: Reader<string> = (place) => {
  const value = text(place);
  if (value === undefined || /^[A-Z]{1,20}$/.test(value)) return value;
  return fault(place, "invalid_value", `"${value.slice(0, 64)}" is no method`, "write it in capitals: GET");
};

/** A host as a URL spells it, so that an entry can only be matched by exactly that spelling. */
const host: Reader<string> = (place) => {
  const value = text(place);
  if (value === undefined) return undefined;
  const invalid = (why: string, hint: string) => fault(place, "invalid_host", `"${value.slice(0, 80)}" ${why}`, hint);
  if (value.includes("://")) return invalid("is a URL", "write the host alone, or {host, path, methods}");
  const suffix = value.replace(/^\*\./, "");
  const wildcard = suffix !== value;
  const canonical = URL.canParse(`https://${suffix}`) ? new URL(`https://${suffix}`) : undefined;
  const spelled = canonical?.hostname + (/:\d+$/.exec(suffix)?.[0] ?? "");
  const address = canonical !== undefined && /^(?:\[|[\d.]+$)/.test(canonical.hostname);
  if (!name.test(value) && !(address && suffix.startsWith("[")))
    return invalid("is no host", 'write "api.example.com", "*.example.com" or "host:8443"');
  if (canonical === undefined || spelled !== suffix) return invalid("is not spelled as URLs spell it", `write "${spelled}"`);
  if (wildcard && address) return invalid("is a wildcard over an address", "list the addresses");
  if (wildcard && !suffix.includes(".")) return invalid("covers a whole top-level domain", "name at least two labels");
  return value;
};

/** A path of literal segments, `*` (one segment), a last `**` (any number), and `{tenant}`: as an RE2 anchored at both ends. */
const pathOf =
  (tenant: string): Reader<string> =>
  (place) => {
    const value = text(place);
    if (value === undefined) return undefined;
    const invalid = (why: string) => fault(place, "invalid_value", `${place.path} ${why}`, 'write "/a/*/b", "/a/{tenant}/**"');
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
  };

/** `egress.allow`: hosts, or hosts with a path and methods. */
export const egressAllow = (tenant: string): Reader<readonly EgressDocument[]> => {
  const entry = record({
    host: required(host),
    path: optional(pathOf(tenant)),
    methods: optional(listOf(method, { atLeast: 1, what: "methods" })),
  });
  return listOf(
    positioned<EgressDocument["value"]>((place: Place) => {
      if (!isScalar(place.node)) return entry(place);
      const value = host(place);
      return value === undefined ? undefined : { host: value };
    }),
  );
};
