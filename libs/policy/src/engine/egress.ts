import type { EgressRule } from "../ir.ts";

/** Where a call goes, when its URL has one reading only. */
export interface Destination {
  /** Lower-case, with `:port` unless it is the scheme's default. */
  readonly host: string;
  /** As sent: not decoded, not normalised. */
  readonly path: string;
}

/** Decides whether one destination is on an egress list. */
export type EgressCheck = (destination: Destination | undefined, method: string | undefined) => boolean;

// RFC 3986 with an authority of host and port alone, in printable ASCII. No userinfo, no percent-encoding and no backslash in the
// host: each is read differently by some client. The Rego policy holds the same expression.
const strictUrl =
  /^(https?|wss?):\/\/([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::([1-9][0-9]{0,4}))?(\/[!"$->@-[\]-~]*)?(?:\?[!-[\]-~]*)?(?:#[!-[\]-~]*)?$/i;

// What a server may turn into a separator or a step upwards after it was matched, also by reading UTF-8 that is longer than it need be.
const unsafePath = /%(?:2[ef5]|5c|[01][0-9a-f]|7f|c[01]|e0%[89]|f0%8)|\/\.{1,2}(?:\/|$)|\/\/|;/i;

const wildcardLabels = /^(?!xn--)[a-z0-9_-]+(?:\.(?!xn--)[a-z0-9_-]+)*$/;

// Names that the WHATWG reading leaves as they are: their last label is no number in any of its forms, and nothing is Punycode.
const plainName = /^(?!(?:.*\.)?xn--)(?:[a-z0-9_-]+\.)*[a-z][a-z0-9_-]*$/;

const defaultPorts: Readonly<Record<string, string>> = { http: "80", ws: "80", https: "443", wss: "443" };

/** Reads a URL strictly. `undefined` when it is not one that every client reads alike. */
export function parseDestination(url: string): Destination | undefined {
  const match = strictUrl.exec(url);
  if (match === null) return undefined;
  const scheme = match[1]!.toLowerCase();
  const name = match[2]!.toLowerCase();
  const port = match[3];
  // The WHATWG reading must be the same: this is what refuses decimal, octal, hexadecimal and shortened addresses. It takes longer than
  // all else that decides a call, and of a plain name it is known.
  if (!plainName.test(name) || Number(port ?? 0) > 65_535) {
    const parsed = URL.parse(url);
    if (parsed === null || parsed.hostname !== name || parsed.username !== "" || parsed.password !== "") return undefined;
  }
  return { host: port === undefined || port === defaultPorts[scheme] ? name : `${name}:${port}`, path: match[4] ?? "/" };
}

/** A method in capitals; `undefined` when it is none. Only ASCII letters have one capital in every engine. */
export function plainMethod(method: string | undefined): string | undefined {
  return method !== undefined && /^[A-Za-z]{1,20}$/.test(method) ? method.toUpperCase() : undefined;
}

/** Prepares a list: exact hosts in a map, wildcards after them. */
export function prepareEgress(allow: readonly EgressRule[]): EgressCheck {
  const exact = new Map<string, EntryCheck[]>();
  const wildcards: { suffix: string; check: EntryCheck }[] = [];
  for (const rule of allow) {
    const check = prepareEntry(rule);
    if (rule.host.startsWith("*.")) wildcards.push({ suffix: rule.host.slice(1), check });
    else exact.set(rule.host, [...(exact.get(rule.host) ?? []), check]);
  }
  return (destination, method) => {
    if (destination === undefined) return false;
    const { host, path } = destination;
    if (exact.get(host)?.some((check) => check(path, method))) return true;
    return wildcards.some(({ suffix, check }) => {
      if (!host.endsWith(suffix)) return false;
      return wildcardLabels.test(host.slice(0, host.length - suffix.length)) && check(path, method);
    });
  };
}

type EntryCheck = (path: string, method: string | undefined) => boolean;

function prepareEntry({ path, methods }: EgressRule): EntryCheck {
  // Written by the compiler from literal segments and two wildcards, so it cannot backtrack.
  const pathPattern = path === undefined ? undefined : new RegExp(path);
  const allowed = methods === undefined ? undefined : new Set(methods);
  return (sent, method) => {
    if (pathPattern !== undefined && (unsafePath.test(sent) || !pathPattern.test(sent))) return false;
    if (allowed === undefined) return true;
    const plain = plainMethod(method);
    return plain !== undefined && allowed.has(plain);
  };
}
